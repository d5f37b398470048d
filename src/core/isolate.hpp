#pragma once
/// \file
/// Batches of which one item may be refused for good: it must not keep the others from being written.

#include <cstddef>
#include <span>
#include <vector>

#include <sqlq/error.hpp>

namespace sqlq::core {

/// May the error be about one item of a batch, so that the others can be written without it? Not one that
/// passes, and not one that a person must mend for all items (rights, schema, a damaged file).
[[nodiscard]] inline bool may_be_of_one(const Error& error) noexcept {
  return error.code() == Errc::refused || error.code() == Errc::invalid_argument || error.code() == Errc::internal;
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
  const auto part = [&](auto& self, std::size_t first, std::size_t count) -> void {
    try {
      write(items.subspan(first, count));
      works = true;
      return;
    } catch (const Error& e) {
      if (!may_be_of_one(e)) throw;
      if (count <= 1) {
        offenders.push_back({first, e});
        works = works || e.code() == Errc::refused;
        return;
      }
    }
    self(self, first, count / 2);
    self(self, first + count / 2, count - count / 2);
  };
  if (!items.empty()) part(part, 0, items.size());
  if (!works && !offenders.empty()) throw Error(offenders.back().error);
  return offenders;
}

}  // namespace sqlq::core
