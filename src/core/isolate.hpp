#pragma once
/// \file
/// Batches of which one item may be refused for good: it must not keep the others from being written.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <vector>

#include <sqlq/error.hpp>

namespace sqlq::core {

/// May the error be about one item of a batch, so that the others can be written without it? Not one that
/// passes, and not one that a person must mend for all items (rights, schema, a damaged file).
[[nodiscard]] inline bool may_be_of_one(const Error& error) noexcept {
  return error.code() == Errc::refused || error.code() == Errc::invalid_argument || error.code() == Errc::internal;
}

/// The same of any exception: out of memory for all is not out of memory for each.
[[nodiscard]] inline bool may_be_of_one(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return may_be_of_one(e);
  } catch (...) {
    return true;
  }
}

/// Writes `count` items in order. `write(n)` writes the next n and returns true, or returns false: then they are
/// written by halves. It never returns false for a single one.
template <class Write>
void by_halves(std::size_t count, Write&& write) {
  if (count == 0 || write(count)) return;
  by_halves(count / 2, write);
  by_halves(count - count / 2, write);
}

/// An item that was refused alone.
struct Offender {
  std::size_t index;
  Error error;
};

/// Writes all items at once and, when that is refused, by halves; returns those that were refused alone, in order.
///
/// `write` takes a span of the items and writes all of them or none and throws. Throws what it throws for other
/// reasons than one item; what was written until then stays written. Also throws when the trouble seems to be with the
/// database: nothing was refused by name (Errc::refused) and nothing could be written. `works`: something was written
/// just before, so that it is not.
template <class Item, class Write>
[[nodiscard]] std::vector<Offender> isolate(std::span<Item> items, Write&& write, bool works = false) {
  std::vector<Offender> offenders;
  std::size_t first = 0;
  by_halves(items.size(), [&](std::size_t n) {
    try {
      write(items.subspan(first, n));
      works = true;
    } catch (const Error& e) {
      if (!may_be_of_one(e)) throw;
      if (n > 1) return false;
      offenders.push_back({first, e});
      works = works || e.code() == Errc::refused;
    }
    first += n;
    return true;
  });
  if (!works && !offenders.empty()) throw Error(offenders.back().error);
  return offenders;
}

/// The same, and writes `replace(item, why)` in place of each item that is refused alone. Then calls
/// `tell(offender, replacement, lost)` for each that was settled; lost: the replacement was refused, too. Throws as
/// isolate() does, once it has told.
template <class Item, class Write, class Replace, class Tell>
void write_or_replace(std::span<Item> items, Write&& write, Replace&& replace, Tell&& tell) {
  const std::vector<Offender> refused = isolate(items, write);
  if (refused.empty()) return;
  std::vector<Item> instead;
  for (const Offender& o : refused) instead.push_back(replace(items[o.index], o.error));
  enum class Settled { no, written, lost };
  std::vector<Settled> settled(instead.size(), Settled::no);
  std::optional<Error> trouble;
  try {
    const auto write_some = [&](std::span<Item> some) {
      write(some);
      std::fill_n(settled.begin() + (some.data() - instead.data()), some.size(), Settled::written);
    };
    const bool works = refused.size() < items.size();
    for (const Offender& o : isolate(std::span(instead), write_some, works)) settled[o.index] = Settled::lost;
  } catch (const Error& e) {
    trouble.emplace(e);
  }
  for (std::size_t i = 0; i < instead.size(); ++i) {
    if (settled[i] != Settled::no) tell(refused[i], instead[i], settled[i] == Settled::lost);
  }
  if (trouble) throw Error(*trouble);
}

}  // namespace sqlq::core
