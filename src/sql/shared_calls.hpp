#pragma once
/// \file
/// Group commit over a server: calls that come while others are under way share a statement and a commit
/// (core/batcher.hpp). Only for what waits for nobody in the database: a call that waits there would keep those waiting
/// that share with it.

#include <cstddef>
#include <functional>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "core/batcher.hpp"

namespace sqlq::sql {

/// Two calls at once keep the server busy while the answers of the first are read; more only make the groups smaller
/// (docs/decisions/0008).
inline constexpr std::size_t most_shared_at_once = 2;
/// Heavier calls go alone: they gain nothing, and others would wait for them.
inline constexpr std::size_t most_shared_weight = 100;

/// Thread-safe.
template <class Item, class Answer>
class SharedCalls final : core::Batcher {
 public:
  using Items = std::span<const Item>;
  using Answers = std::vector<Answer>;
  /// Stores them, all or none; an answer for each.
  using Store = std::function<Answers(Items)>;

  explicit SharedCalls(Store store) : Batcher(most_shared_at_once), store_(std::move(store)) {}

  /// As `store` with these items. An error that says something about an item is told to the caller whose item it is;
  /// the others' are stored. Any other error is told to all who share the statement.
  Answers call(Items items, std::size_t weight) {
    if (weight > most_shared_weight) return store_(items);
    Shared mine(items);
    run(mine, weight);
    return std::move(mine.answers);
  }
  /// How many calls wait for their turn.
  using Batcher::waiting;

 private:
  struct Shared : Call {
    explicit Shared(Items given) : items(given) {}
    const Items items;
    Answers answers{};
  };

  std::size_t prepare(const Call&, std::size_t) noexcept override { return most_shared_weight; }

  void write(Line& calls) override {
    auto& first = static_cast<Shared&>(*calls.first());
    if (calls.size() == 1) {
      first.answers = store_(first.items);
      return;
    }
    std::vector<Item> all;
    for (const Call* c = &first; c != nullptr; c = c->next()) {
      const Items& items = static_cast<const Shared&>(*c).items;
      all.insert(all.end(), items.begin(), items.end());
    }
    Answers answers = store_(all);
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
