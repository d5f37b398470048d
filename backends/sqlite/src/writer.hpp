#pragma once
/// \file
/// The one writer of a process, shared by all its threads: group commit.
///
/// Whoever comes while nobody writes does so himself, at once, on his own thread. Whoever comes while somebody writes
/// waits; the next to write takes everything that has gathered into one transaction. So a single thread pays no
/// hand-over to another, and many threads share one commit (decision 0002).

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "connection.hpp"

namespace sqlq::sqlite {

/// Thread-safe.
class Writer {
 public:
  /// Must set its results anew each time it is called: it may run again after a rollback.
  using Work = std::function<void(sql::Session&)>;
  using Exclusive = std::function<void(Connection&)>;

  explicit Writer(const Options& options);
  /// Copies the WAL into the file as far as possible.
  ~Writer();

  /// Runs `work` in a transaction, possibly together with other threads' work; returns when it is committed. If it
  /// throws, nothing of it (and only of it) was done. Errors: busy when the lock was not to be had within busy_timeout.
  void write(const Work& work);
  /// Runs `action` with the connection for itself, outside of a transaction.
  void exclusive(const Exclusive& action);
  /// The same if nobody writes or waits right now; else returns false.
  bool try_exclusive(const Exclusive& action);
  /// How many calls wait for their turn.
  [[nodiscard]] std::size_t waiting();
  /// Is `path` (may be null) the file that is open?
  [[nodiscard]] bool same_file(const char* path) const { return main_.same_file(path); }

 private:
  struct Task;
  void submit(Task& task);
  void lead(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] std::vector<Task*> gather();
  void run(std::vector<Task*>& batch);
  void answer(std::span<Task* const> tasks);
  void run_alone(Task& task) noexcept;
  void commit();
  void hand_over();
  void checkpoint_if_due() noexcept;
  void checkpoint();

  Connection main_;
  std::unique_ptr<Connection> checkpointer_;  // none for in-memory databases
  int checkpoint_at_;                         // WAL pages; only touched by who leads

  std::mutex mutex_;
  bool busy_ = false;         // somebody leads
  std::deque<Task*> queue_;   // in order of arrival; tasks live on their callers' stacks
};

}  // namespace sqlq::sqlite
