#pragma once
// Threads for the user's callbacks: stop callbacks and on_event.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <sqlq/clock.hpp>

#include "core/mutex.hpp"
#include "worker/thread_starter.hpp"

namespace sqlq::worker {

/// Runs calls in the order in which they came, on threads that do nothing else: no lease is renewed by them and no
/// attempt timed out. A call that does not return delays no other: another thread is started for the next one. So it is
/// when a call ends its thread (pthread_exit); pthread_cancel does nothing to these threads.
///
/// Before `start`, as in a test without threads, a call is made at once on the thread that posts it.
///
/// Thread-safety: all members from any thread. Lifetime: threads of calls that never return keep the object alive.
class Callbacks final : public std::enable_shared_from_this<Callbacks> {
 public:
  using Call = std::function<void()>;

  explicit Callbacks(std::shared_ptr<Clock> clock) : clock_(std::move(clock)), idle_(clock_->make_signal()) {}
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;

  /// `most`: threads. `starter` starts each. Throws std::system_error when the system has not one more.
  void start(std::size_t most, ThreadStarter starter = start_thread);
  /// Does not wait for the call, and drops its exceptions.
  void post(Call call) noexcept;
  /// Tries once more to get a thread where the system had refused the only one. Says whether all is well.
  bool fill() noexcept;
  /// Waits until all that was posted has been called, and ends the threads. False when the deadline passed first: what
  /// was not begun is dropped, and what does not return keeps its thread. From then on nothing is called any more.
  bool close(SteadyPoint deadline);

 private:
  void work();
  void serve() SQLQ_REQUIRES(mutex_);
  void add_thread() SQLQ_REQUIRES(mutex_);
  void replace_this_thread() noexcept SQLQ_REQUIRES(mutex_);
  void add_thread_if_all_are_busy() noexcept SQLQ_REQUIRES(mutex_);
  [[nodiscard]] bool nothing_left() const SQLQ_REQUIRES(mutex_) { return waiting_.empty() && busy_ == 0; }

  const std::shared_ptr<Clock> clock_;
  const std::unique_ptr<Signal> idle_;
  core::Mutex mutex_;
  core::Condition posted_;
  std::deque<Call> waiting_ SQLQ_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ SQLQ_GUARDED_BY(mutex_);
  ThreadStarter starter_ SQLQ_GUARDED_BY(mutex_);
  std::size_t most_ SQLQ_GUARDED_BY(mutex_) = 0;  // 0: no threads
  std::size_t busy_ SQLQ_GUARDED_BY(mutex_) = 0;  // calls under way on the threads
  bool closed_ SQLQ_GUARDED_BY(mutex_) = false;
};

}  // namespace sqlq::worker
