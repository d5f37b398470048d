#pragma once
/// \file
/// Enqueues over a server share their commits (shared_calls.hpp), but for those that may wait there.
///
/// A job that may collide with one that somebody else is storing, by its unique key or by an id that its caller has
/// chosen, waits in the database until that transaction ends: its call goes alone, through a gate (key_gate.hpp), and
/// nobody else's job waits with it.

#include <cstddef>
#include <utility>

#include <sqlq/backend/dialect.hpp>

#include "sql/key_gate.hpp"
#include "sql/shared_calls.hpp"

namespace sqlq::sql {

/// Thread-safe.
class EnqueueQueue {
 public:
  using Calls = SharedCalls<backend::EnqueueItem, Enqueued>;
  using Items = Calls::Items;
  using Answers = Calls::Answers;

  /// `most_waiting` and `wait`: of the gate.
  EnqueueQueue(Calls::Store store, std::size_t most_waiting, Duration wait)
      : store_(store), calls_(std::move(store)), gate_(most_waiting, wait) {}

  /// As SharedCalls::call.
  Answers call(Items items);
  /// How many calls wait for their turn.
  [[nodiscard]] std::size_t waiting() const { return calls_.waiting(); }
  /// How many calls wait in front of the gate.
  [[nodiscard]] std::size_t waiting_for_keys() { return gate_.waiting(); }

 private:
  const Calls::Store store_;
  Calls calls_;
  KeyGate gate_;
};

}  // namespace sqlq::sql
