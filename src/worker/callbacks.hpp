#pragma once
// Threads for what the user gave us to call: stop callbacks and on_event.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <sqlq/clock.hpp>

namespace sqlq::worker {

/// Runs calls in the order in which they came, on threads that do nothing else: no lease is renewed by them and no
/// attempt timed out. A call that does not return delays no other: another thread is started for the next one.
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

  /// `most`: threads. Throws std::system_error when the system has not one more.
  void start(std::size_t most);
  /// What the call throws is dropped. Does not wait for it.
  void post(Call call) noexcept;
  /// Waits until all that was posted has been called, and ends the threads. False when the deadline passed first: what
  /// was not begun is dropped, and what does not return keeps its thread. From then on nothing is called any more.
  bool close(SteadyPoint deadline);

 private:
  void work();
  void add_thread();
  void add_thread_if_all_are_busy() noexcept;
  [[nodiscard]] bool nothing_left() const { return waiting_.empty() && busy_ == 0; }

  const std::shared_ptr<Clock> clock_;
  const std::unique_ptr<Signal> idle_;
  std::mutex mutex_;  // for what follows
  std::condition_variable posted_;
  std::deque<Call> waiting_;
  std::vector<std::thread> threads_;
  std::size_t most_ = 0;  // 0: no threads
  std::size_t busy_ = 0;  // calls under way on the threads
  bool closed_ = false;
};

}  // namespace sqlq::worker
