#pragma once
// When a stop does what, reckoned from its one limit.

#include <algorithm>
#include <atomic>

#include <sqlq/clock.hpp>
#include <sqlq/worker.hpp>

namespace sqlq::worker {

/// Another stop may bring its moments nearer while it is under way, never put them off.
/// Thread-safety: all members from any thread.
class StopSchedule final {
 public:
  void hasten(const StopOptions& options, Duration grace, SteadyPoint now) noexcept {
    const Duration limit = std::max<Duration>(options.limit, shortest);
    const Duration drain = options.drain.value_or(std::max(options.limit - grace, options.limit / 2));
    const SteadyPoint trip = saturating_add(now, drain);
    const SteadyPoint end = saturating_add(now, limit);
    const SteadyPoint last = saturating_add(end, -std::min<Duration>(limit / 10, longest_giving_back));
    lower(trip_at_, trip);
    lower(leave_at_, std::min(saturating_add(trip, grace), last));
    lower(end_at_, end);
  }

  /// Stop tokens are tripped, handlers left behind.
  [[nodiscard]] SteadyPoint trip_at() const noexcept { return trip_at_.load(); }
  [[nodiscard]] SteadyPoint leave_at() const noexcept { return leave_at_.load(); }
  /// Services are left behind...
  [[nodiscard]] SteadyPoint write_until() const noexcept { return saturating_add(end_at(), -for_the_last_events); }
  /// ... and it returns.
  [[nodiscard]] SteadyPoint end_at() const noexcept { return end_at_.load(); }

 private:
  static constexpr Duration shortest = std::chrono::seconds(1);
  static constexpr Duration longest_giving_back = std::chrono::seconds(1);
  static constexpr Duration for_the_last_events = std::chrono::milliseconds(50);

  static void lower(std::atomic<SteadyPoint>& at, SteadyPoint to) noexcept {
    for (SteadyPoint was = at; to < was && !at.compare_exchange_weak(was, to);) {
    }
  }

  std::atomic<SteadyPoint> trip_at_{SteadyPoint::max()};
  std::atomic<SteadyPoint> leave_at_{SteadyPoint::max()};
  std::atomic<SteadyPoint> end_at_{SteadyPoint::max()};
};

}  // namespace sqlq::worker
