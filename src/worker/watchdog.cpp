#include "worker/watchdog.hpp"

#include <algorithm>

namespace sqlq::worker {
namespace {

constexpr Duration between_looks_while_locked = std::chrono::milliseconds(100);
constexpr Duration between_fills = std::chrono::seconds(1);

}  // namespace

SteadyPoint Watchdog::step() {
  const SteadyPoint now = shared_.clock().steady();
  SteadyPoint next = fill() ? SteadyPoint::max() : saturating_add(now, between_fills);
  if (shared_.batches) next = std::min(next, shared_.batches->run_due());
  for (const HeldPtr& lease : shared_.in_flight.snapshot()) next = std::min(next, look_after(lease, now));
  return next;
}

bool Watchdog::fill() {
  bool all = shared_.callbacks->fill();
  for (const auto& fill : fills_) all = fill() && all;
  return all;
}

// Returns when to look again.
SteadyPoint Watchdog::look_after(const HeldPtr& lease, SteadyPoint now) {
  if (lease->phase() == Phase::finishing || lease->lost()) return SteadyPoint::max();
  const bool fenced = now >= lease->fence_at();
  if (fenced && !nobody_can_take(*lease)) {
    if (shared_.lose(lease)) {
      shared_.events.report(Events::Level::warning, name(),
                            "the lease could not be renewed in time; the job is stopped", lease->job().id,
                            Events::Code::lease_lost);
    }
    return SteadyPoint::max();
  }
  const SteadyPoint again = fenced ? saturating_add(now, between_looks_while_locked) : lease->fence_at();
  const bool running = lease->phase() == Phase::running;
  if (running && now >= lease->timeout_at()) shared_.trip(lease, StopReason::timeout);
  const bool may_time_out = running && lease->stop_reason() == StopReason::none;
  return may_time_out ? std::min(again, lease->timeout_at()) : again;
}

// Nor can we renew it; the first worker that can write renews (decision 0031).
bool Watchdog::nobody_can_take(const Held& lease) const {
  const backend::Outages* const outages = shared_.db.dialect().outages();
  const auto locked_since = outages != nullptr ? outages->locked_since() : std::nullopt;
  return locked_since && *locked_since <= lease.fence_at();
}

}  // namespace sqlq::worker
