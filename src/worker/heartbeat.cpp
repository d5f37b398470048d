#include "worker/heartbeat.hpp"

#include <algorithm>

#include "core/checks.hpp"

namespace sqlq::worker {
namespace {

constexpr Duration least_between_hints = std::chrono::milliseconds(500);

}  // namespace

void Heartbeat::hint() noexcept {
  ++hints_;  // before looking: a claim that is under way compares
  if (shared_.in_flight.size() == 0) return;
  if (!hinted_.exchange(true)) wake();
}

SteadyPoint Heartbeat::step() {
  const bool hinted = hinted_.exchange(false);  // before looking: later ones are about leases we may not see
  std::vector<HeldPtr> leases = shared_.in_flight.snapshot();
  std::erase_if(leases, [](const HeldPtr& lease) { return lease->lost(); });
  if (leases.empty()) return SteadyPoint::max();

  SteadyPoint due = SteadyPoint::max();
  for (const HeldPtr& lease : leases) due = std::min(due, lease->renew_at());
  if (hinted) due = std::min(due, saturating_add(last_, least_between_hints));
  const SteadyPoint asked_at = shared_.clock().steady();
  if (asked_at < due) {
    if (hinted) hinted_ = true;
    return due;
  }

  std::vector<backend::LeaseRef> refs;
  refs.reserve(leases.size());
  for (const HeldPtr& lease : leases) refs.push_back({lease->job().id, lease->job().lease_token});
  const std::vector<LeaseStatus> statuses = renew(refs);
  core::expect_answers(statuses.size(), leases.size());
  last_ = asked_at;
  for (std::size_t i = 0; i < leases.size(); ++i) answer(leases[i], statuses[i], asked_at);
  return SteadyPoint::min();
}

std::vector<LeaseStatus> Heartbeat::renew(std::span<const backend::LeaseRef> leases) {
  try {
    return shared_.dialect().heartbeat(leases, shared_.now());
  } catch (...) {
    hinted_ = true;
    throw;
  }
}

void Heartbeat::answer(const HeldPtr& lease, LeaseStatus status, SteadyPoint asked_at) {
  switch (status) {
    case LeaseStatus::renewed:
      lease->renewed(asked_at);
      return;
    case LeaseStatus::cancel_requested:
      lease->renewed(asked_at);
      lease->trip(StopReason::cancel);
      return;
    case LeaseStatus::lost:
      // Not news when the outcome is being written or the job was completed in the user's transaction.
      if (lease->phase() == Phase::finishing || lease->completing()) {
        lease->renewed(asked_at);
      } else if (lease->lose()) {
        shared_.events.report(Events::Level::warning, name(), "the lease was lost; somebody else may have the job",
                              lease->job().id, Events::Code::lease_lost);
      }
      return;
  }
}

}  // namespace sqlq::worker
