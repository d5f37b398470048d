#pragma once
/// \file
/// Group commit over a server: calls that come while others are under way share a statement and a commit
/// (core/batcher.hpp). Only for what waits for nobody in the database, as far as we know: a call that waits there keeps
/// those waiting that share with it. When one does (a trigger of the user's may lock what it likes), they wait until the
/// database gives up the lock for the first time, and then each is written alone.

#include <cstddef>
#include <functional>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "core/batcher.hpp"

namespace sqlq::sql {

/// Two calls at once keep the server busy while the answers of the first are read; more only make the groups smaller
/// (docs/decisions/0008).
inline constexpr std::size_t most_shared_at_once = 2;
/// Heavier calls go alone: they gain nothing, and others would wait for them.
inline constexpr std::size_t most_shared_weight = 100;

/// An error of one statement with several calls that one of them alone may have met: it has waited for a lock, or
/// something that only it reaches is not there or not allowed. Each is asked once more by itself; an error that is of all
/// comes soon again.
[[nodiscard]] inline bool may_be_of_a_trigger(const Error& error) noexcept {
  return error.code() == Errc::retry_transaction || error.code() == Errc::schema || error.code() == Errc::permission;
}

/// Thread-safe.
template <class Item, class Answer>
class SharedCalls final : core::Batcher {
 public:
  using Items = std::span<const Item>;
  using Answers = std::vector<Answer>;
  /// Stores them, all or none; an answer for each. `shared`: of several callers, so it shall give up at the first lock
  /// that it has waited for in vain, with Error(retry_transaction).
  using Store = std::function<Answers(Items, bool shared)>;

  explicit SharedCalls(Store store) : Batcher(most_shared_at_once), store_(std::move(store)) {}

  /// As `store` with these items. An error that says something about an item is told to the caller whose item it is;
  /// the others' are stored. Any other error is told to all who share the statement.
  Answers call(Items items, std::size_t weight) {
    if (weight > most_shared_weight) return store_(items, false);
    Shared mine(items);
    try {
      run(mine, weight);
      return std::move(mine.answers);
    } catch (const Error& e) {
      if (!mine.shared || e.outcome_unknown() || !may_be_of_a_trigger(e)) throw;
    }
    return store_(items, false);
  }
  /// How many calls wait for their turn.
  using Batcher::waiting;

 private:
  struct Shared : Call {
    explicit Shared(Items given) : items(given) {}
    const Items items;
    Answers answers{};
    bool shared = false;
  };

  std::size_t prepare(const Call&, std::size_t) noexcept override { return most_shared_weight; }

  void write(Line& calls) override {
    auto& first = static_cast<Shared&>(*calls.first());
    if (calls.size() == 1) {
      first.answers = store_(first.items, first.shared);
      return;
    }
    std::vector<Item> all;
    for (Call* c = &first; c != nullptr; c = c->next()) {
      auto& call = static_cast<Shared&>(*c);
      call.shared = true;
      all.insert(all.end(), call.items.begin(), call.items.end());
    }
    Answers answers = store_(all, true);
    auto next = std::make_move_iterator(answers.begin());
    for (Call* c = &first; c != nullptr; c = c->next()) {
      auto& call = static_cast<Shared&>(*c);
      const auto count = static_cast<std::ptrdiff_t>(call.items.size());
      call.answers.assign(next, next + count);
      next += count;
    }
  }

  const Store store_;
};

}  // namespace sqlq::sql
