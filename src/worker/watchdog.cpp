#include "worker/watchdog.hpp"

#include <algorithm>

namespace sqlq::worker {

SteadyPoint Watchdog::step() {
  const SteadyPoint now = shared_.clock().steady();
  SteadyPoint next = SteadyPoint::max();
  for (const HeldPtr& lease : shared_.in_flight.snapshot()) next = std::min(next, look_after(lease, now));
  return next;
}

// Returns when to look again.
SteadyPoint Watchdog::look_after(const HeldPtr& lease, SteadyPoint now) {
  if (lease->phase() == Phase::finishing || lease->lost()) return SteadyPoint::max();
  if (now >= lease->fence_at()) {
    if (shared_.lose(lease)) {
      shared_.events.report(Events::Level::warning, name(),
                            "the lease could not be renewed in time; the job is stopped", lease->job().id,
                            Events::Code::lease_lost);
    }
    return SteadyPoint::max();
  }
  const bool running = lease->phase() == Phase::running;
  if (running && now >= lease->timeout_at()) shared_.trip(lease, StopReason::timeout);
  const bool may_time_out = running && lease->stop_reason() == StopReason::none;
  return may_time_out ? std::min(lease->fence_at(), lease->timeout_at()) : lease->fence_at();
}

}  // namespace sqlq::worker
