#pragma once
/// \file
/// Group commit for enqueues over a server: calls that come while others are under way are carried out together.
///
/// A call that comes while fewer than `most_at_once` calls are under way goes at once, on its own thread: a single
/// producer waits for nobody. The others wait; the next to be free takes all of them into one statement and one commit.
///
/// Only what waits for nobody in the database is shared. A job that may collide with one that somebody else is storing,
/// by its unique key or by an id that its caller has chosen, waits there until that transaction ends: its call goes
/// alone, through a gate (key_gate.hpp), and nobody else's job waits with it.

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "sql/key_gate.hpp"

namespace sqlq::sql {

/// Thread-safe.
class EnqueueQueue final {
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
      : store_(std::move(store)), gate_(most_waiting, wait) {}

  /// As `store` with these items. An error that says something about an item is told to the caller whose item it is:
  /// the others' are stored one call after the other. Any other error is told to all who share the statement.
  Answers call(Items items);
  /// How many calls wait for their turn.
  [[nodiscard]] std::size_t waiting();
  /// How many calls wait in front of the gate.
  [[nodiscard]] std::size_t waiting_for_keys() { return gate_.waiting(); }

 private:
  enum class Turn { waiting, leading, over };
  struct Call;
  /// Calls that are carried out together, or wait; they live on their callers' stacks, and the first of a group is the
  /// leader's own. Each call brings its node, which only moves: handing over allocates nothing.
  using Group = std::list<Call*>;
  struct Call {
    explicit Call(Items given) : items(given) {}
    const Items items;
    Group node{this};
    Turn turn = Turn::waiting;  // guarded by mutex_, like the rest
    bool alone = false;         // shares its statement with nobody, for it has been among some that failed
    Answers answers{};
    std::optional<Error> error{};  // its own: exceptions are not shared between threads
    std::condition_variable woken{};
  };

  Answers take_turn(Items items);
  [[nodiscard]] Group wait_for_turn(Call& mine);
  /// The leader's answers.
  Answers lead(Group& group);
  Answers store_together(Group& group);
  /// Tells all but the leader that their calls are over, and takes them off the group. `error` may be null.
  void settle(Group& group, const Error* error);
  void tell(Call& call, Turn turn) noexcept;
  /// Whatever happened, no call waits for ever: each one that is still in the group comes next, alone, and one leads.
  void end(Group& group) noexcept;

  const Store store_;
  KeyGate gate_;
  std::mutex mutex_;
  std::size_t under_way_ = 0;
  Group waiting_;  // only while most_at_once are under way
};

}  // namespace sqlq::sql
