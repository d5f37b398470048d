#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/mutex.hpp"
#include "worker/thread_starter.hpp"

namespace sqlq::worker {

/// A thread that calls the user's code. That code may end it (pthread_exit, pthread_cancel), and nobody can keep it
/// from that: another thread takes its place. A thread that unwinds does no more work: exceptions that it caught on the
/// way would keep the unwinding from freeing what the thread holds.
///
/// Thread-safety: all members from any thread; `start` once and before the others.
class ReplaceableThread final {
 public:
  enum class Filled { was_there, filled, refused };

  ReplaceableThread() = default;
  ~ReplaceableThread() { detach(); }  // only after a stop that failed: better than to terminate
  ReplaceableThread(const ReplaceableThread&) = delete;
  ReplaceableThread& operator=(const ReplaceableThread&) = delete;

  /// Every thread calls `body` once and holds a share of `keep_alive`, the owner of this object and of all that `body`
  /// uses. `body` calls `replace` when it is unwound, and lets the unwinding go on. Throws std::system_error when the
  /// system has no more threads.
  void start(ThreadStarter starter, const std::shared_ptr<void>& keep_alive, std::function<void()> body);
  /// On the thread that ends: starts another, unless join or detach came first. Says why the system refused it; then
  /// `fill` has to try again.
  [[nodiscard]] std::optional<std::string> replace();
  /// Tries to start the thread that was refused.
  Filled fill();
  /// From now on no other thread comes. Waits for the last one. Idempotent.
  void join();
  /// The same, and waits for none.
  void detach() noexcept;

 private:
  [[nodiscard]] std::thread next() const SQLQ_REQUIRES(mutex_);

  core::Mutex mutex_;
  ThreadStarter starter_ SQLQ_GUARDED_BY(mutex_){};
  std::weak_ptr<void> keep_alive_ SQLQ_GUARDED_BY(mutex_){};
  std::function<void()> body_{};  // set once, before the first thread
  std::thread thread_ SQLQ_GUARDED_BY(mutex_){};
  std::thread ended_ SQLQ_GUARDED_BY(mutex_){};  // the one before it, perhaps not quite at its end
  bool vacant_ SQLQ_GUARDED_BY(mutex_) = false;  // the system refused another thread
  bool closed_ SQLQ_GUARDED_BY(mutex_) = false;
};

}  // namespace sqlq::worker
