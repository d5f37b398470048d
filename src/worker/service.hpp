#pragma once
// Every part of a worker is a service: it takes steps. It has no thread inside, so tests step it by hand.

#include <atomic>
#include <memory>
#include <string_view>

#include <sqlq/clock.hpp>

namespace sqlq::worker {

/// Thread-safety: one thread steps it; `wake` and `wake_by` from any thread.
class Service {
 public:
  /// How long to wait after the first failure and, doubling, at most.
  struct Retry {
    Duration first;
    Duration most;
  };

  explicit Service(Clock& clock) : wake_up_(clock.make_signal()) {}
  virtual ~Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Does what there is to do and says when it wants to run next: min() at once, max() only when woken. May throw: the
  /// loop backs off and steps again, so a step must leave a state from which it can be repeated.
  virtual SteadyPoint step() = 0;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// The most is below 10 s, because a worker promises to claim again within 10 s after the database is back.
  [[nodiscard]] virtual Retry retry() const noexcept {
    return {std::chrono::milliseconds(100), std::chrono::seconds(8)};
  }

  /// Once it is to stop: may it end, or is there something left that only its steps can do? On the loop's thread.
  [[nodiscard]] virtual bool may_end() const { return true; }
  /// The last thing the loop does, unless it had to be left behind. Throws nothing.
  virtual void end() {}

  /// Asks for a step now.
  void wake() noexcept { wake_up_->notify(); }
  /// Asks for a step at `at` or before; cheap when one is planned anyway.
  void wake_by(SteadyPoint at) noexcept {
    if (at < planned_.load()) wake();
  }

  /// For the loop: a step that remembers what it planned. While it runs nothing is planned, so that whoever adds work
  /// which the step may have overlooked wakes it again.
  SteadyPoint turn() {
    planned_.store(SteadyPoint::max());
    const SteadyPoint next = step();
    planned_.store(next);
    return next;
  }
  /// For the loop: true if woken.
  bool wait_until(SteadyPoint deadline) { return wake_up_->wait_until(deadline); }

 private:
  std::unique_ptr<Signal> wake_up_;
  std::atomic<SteadyPoint> planned_{SteadyPoint::max()};
};

}  // namespace sqlq::worker
