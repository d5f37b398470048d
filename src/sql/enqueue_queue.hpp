#pragma once
/// \file
/// Group commit for enqueues over a server: calls that come while others are under way are carried out together.
///
/// Whoever comes while fewer than `most_at_once` calls are under way goes at once, on his own thread: a single producer
/// waits for nobody. The others wait; the next to be free takes all of them into one statement and one commit.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

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

  explicit EnqueueQueue(Store store) : store_(std::move(store)) {}

  /// As `store` with these items; when an error is another caller's fault, this one's items are stored alone.
  Answers call(Items items);
  /// How many calls wait for their turn.
  [[nodiscard]] std::size_t waiting();

 private:
  enum class Turn { waiting, leading, alone, over };
  struct Call {
    Items items{};
    Turn turn = Turn::waiting;  // guarded by mutex_, like the rest
    Answers answers{};
    std::optional<Error> error{};  // its own: exceptions are not shared between threads
    std::condition_variable woken{};
  };
  /// Calls that are carried out together; they live on their callers' stacks, and the first is the leader's own.
  using Group = std::vector<Call*>;

  [[nodiscard]] Group wait_for_turn(Call& mine);
  /// The leader's answers; empty when each call of the group is to store its items alone.
  std::optional<Answers> lead(Group& group);
  Answers store_together(Group& group);
  /// Tells all but the leader that their calls are over, and takes them off the group. `error` may be null.
  void settle(Group& group, const Error* error);
  void tell(Call& call, Turn turn) noexcept;
  /// Whatever happened, nobody waits for ever: who is still in the group stores alone, and the next one leads.
  void end(Group& group) noexcept;

  const Store store_;
  std::mutex mutex_;
  std::size_t under_way_ = 0;
  std::deque<Call*> waiting_;  // only while most_at_once are under way
};

}  // namespace sqlq::sql
