#include <sqlq/testing/manual_clock.hpp>

#include <condition_variable>
#include <utility>

#include <sqlq/error.hpp>

namespace sqlq::testing {

namespace {

constexpr TimePoint first_wall = std::chrono::sys_days(std::chrono::year(2024) / 1 / 1);
constexpr SteadyPoint first_steady{std::chrono::hours(1)};

}  // namespace

// One mutex and one condition for the clock and all its signals: an advance cannot slip between a waiter's look at the
// time and its sleep.
struct SQLQ_LOCAL ManualClock::State {
  mutable std::mutex mutex;
  std::condition_variable changed;
  TimePoint wall = first_wall;
  SteadyPoint steady = first_steady;
  int epoch = 1;
  class ManualSignal;
};

class ManualClock::State::ManualSignal final : public Signal {
 public:
  explicit ManualSignal(std::shared_ptr<State> state) : state_(std::move(state)) {}

  void notify() noexcept override {
    // Under the lock: a waiter that returns may destroy the signal at once.
    const std::lock_guard lock(state_->mutex);
    notified_ = true;
    state_->changed.notify_all();
  }

  // A restart of the host ends all waits: their deadlines were on a line that is no more.
  bool wait_until(SteadyPoint deadline) override {
    std::unique_lock lock(state_->mutex);
    const int begun_in = state_->epoch;
    state_->changed.wait(lock, [&] {
      return notified_ || state_->epoch != begun_in || (deadline != SteadyPoint::max() && state_->steady >= deadline);
    });
    return std::exchange(notified_, false);
  }

 private:
  std::shared_ptr<State> state_;
  bool notified_ = false;
};

ManualClock::ManualClock() : state_(std::make_shared<State>()) {}

ManualClock::~ManualClock() = default;

TimePoint ManualClock::now() const {
  const std::lock_guard lock(state_->mutex);
  return state_->wall;
}

SteadyPoint ManualClock::steady() const {
  const std::lock_guard lock(state_->mutex);
  return state_->steady;
}

std::string ManualClock::steady_epoch() const {
  const std::lock_guard lock(state_->mutex);
  return "manual-" + std::to_string(state_->epoch);
}

std::unique_ptr<Signal> ManualClock::make_signal() { return std::make_unique<State::ManualSignal>(state_); }

void ManualClock::advance(Duration by) {
  if (by < Duration::zero()) {
    throw Error(Errc::invalid_argument, "time only goes forward: use step_wall to step the wall clock back");
  }
  {
    const std::lock_guard lock(state_->mutex);
    state_->wall = saturating_add(state_->wall, by);
    state_->steady = saturating_add(state_->steady, by);
  }
  state_->changed.notify_all();
}

void ManualClock::step_wall(Duration by) {
  const std::lock_guard lock(state_->mutex);
  state_->wall = saturating_add(state_->wall, by);
}

void ManualClock::restart_host() {
  {
    const std::lock_guard lock(state_->mutex);
    ++state_->epoch;
    state_->steady = first_steady;
  }
  state_->changed.notify_all();
}

}  // namespace sqlq::testing
