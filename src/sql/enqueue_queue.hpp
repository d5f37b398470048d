#pragma once
/// \file
/// Group commit for enqueues over a server: calls that come while others are under way share a statement and a commit
/// (core/batcher.hpp).
///
/// Only what waits for nobody in the database is shared. A job that may collide with one that somebody else is storing,
/// by its unique key or by an id that its caller has chosen, waits there until that transaction ends: its call goes
/// alone, through a gate (key_gate.hpp), and nobody else's job waits with it.

#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/batcher.hpp"
#include "sql/key_gate.hpp"

namespace sqlq::sql {

/// Thread-safe.
class EnqueueQueue final : core::Batcher {
 public:
  using Items = std::span<const backend::EnqueueItem>;
  using Answers = std::vector<Enqueued>;
  /// Stores them, all or none.
  using Store = std::function<Answers(Items)>;

  /// Two calls at once keep the server busy while the answers of the first are read; more only make the groups smaller
  /// (docs/decisions/0008).
  static constexpr std::size_t most_at_once = 2;
  /// Larger calls go alone: they gain nothing, and others would wait for them.
  static constexpr std::size_t most_items = 100;

  /// `most_waiting` and `wait`: of the gate.
  EnqueueQueue(Store store, std::size_t most_waiting, Duration wait)
      : Batcher(most_at_once), store_(std::move(store)), gate_(most_waiting, wait) {}

  /// As `store` with these items. An error that says something about an item is told to the caller whose item it is;
  /// the others' are stored. Any other error is told to all who share the statement.
  Answers call(Items items);
  /// How many calls wait for their turn.
  using Batcher::waiting;
  /// How many calls wait in front of the gate.
  [[nodiscard]] std::size_t waiting_for_keys() { return gate_.waiting(); }

 private:
  struct Shared;
  std::size_t prepare(const Call&, std::size_t) noexcept override { return most_items; }
  void write(Line& calls) override;

  const Store store_;
  KeyGate gate_;
};

}  // namespace sqlq::sql
