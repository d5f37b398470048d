#include <condition_variable>
#include <mutex>
#include <utility>

#include <sqlq/clock.hpp>

#include "platform/system.hpp"

namespace sqlq {

namespace {

using std::chrono::steady_clock;

class SystemSignal final : public Signal {
 public:
  void notify() noexcept override {
    // Under the lock: a waiter that returns may destroy the signal at once.
    const std::lock_guard lock(mutex_);
    notified_ = true;
    wake_.notify_one();
  }

  bool wait_until(SteadyPoint deadline) override {
    // Beyond it, microseconds do not fit into the nanoseconds of steady_clock.
    constexpr SteadyPoint for_ever{std::chrono::hours(24 * 365 * 200)};
    std::unique_lock lock(mutex_);
    const auto notified = [this] { return notified_; };
    if (deadline >= for_ever) {
      wake_.wait(lock, notified);
    } else {
      wake_.wait_until(lock, steady_clock::time_point(deadline.time_since_epoch()), notified);
    }
    return std::exchange(notified_, false);
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool notified_ = false;
};

// Without a name for this run of the host its restart goes unnoticed: leases from before it are then compared with the
// new steady time, and end late, but end.
std::string read_epoch() {
  std::string id = platform::boot_id();
  return id.empty() ? "unknown-boot" : id;
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
  }
  [[nodiscard]] SteadyPoint steady() const override {
    return SteadyPoint(std::chrono::floor<Duration>(steady_clock::now().time_since_epoch()));
  }
  [[nodiscard]] std::string steady_epoch() const override { return epoch_; }
  [[nodiscard]] std::unique_ptr<Signal> make_signal() override { return std::make_unique<SystemSignal>(); }

 private:
  std::string epoch_ = read_epoch();
};

}  // namespace

std::shared_ptr<Clock> system_clock() {
  // Never destroyed: threads that outlive main may still ask for the time.
  static const auto* const clock = new std::shared_ptr<Clock>(std::make_shared<SystemClock>());
  return *clock;
}

}  // namespace sqlq
