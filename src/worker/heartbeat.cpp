#include "worker/heartbeat.hpp"

#include <algorithm>
#include <string>

#include "core/checks.hpp"
#include "core/isolate.hpp"

namespace sqlq::worker {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;

constexpr Duration least_between_hints = milliseconds(500);
constexpr Duration longest_between_beats = seconds(10);
/// Where nobody tells of a cancellation, a running job hears of it within 3 s because it is asked for so often.
constexpr Duration longest_unasked = milliseconds(2500);
/// While the handler's own transaction may have the row locked, so that the lease is soon renewed when that is undone.
constexpr Duration longest_while_completing = seconds(1);

}  // namespace

void Heartbeat::hint() noexcept {
  ++hints_;  // before looking: a claim that is under way compares
  if (shared_.in_flight.size() == 0) return;
  if (!hinted_.exchange(true)) wake();
}

SteadyPoint Heartbeat::due_of(const Held& lease) const {
  if (lease.completing()) return lease.renew_at(longest_while_completing);
  const backend::Capabilities& can = shared_.db.dialect().capabilities();
  const bool told = can.cross_process_wakeup || !can.shared_storage;  // cancels of this process come at once
  const bool asks = !told && lease.phase() != Phase::finishing && lease.stop_reason() == StopReason::none;
  return lease.renew_at(asks ? longest_unasked : longest_between_beats);
}

SteadyPoint Heartbeat::step() {
  const bool hinted = hinted_.exchange(false);  // before looking: later ones are about leases we may not see
  std::vector<HeldPtr> leases = shared_.in_flight.snapshot();
  std::erase_if(leases, [](const HeldPtr& lease) { return lease->lost(); });
  if (leases.empty()) return SteadyPoint::max();

  SteadyPoint due = SteadyPoint::max();
  for (const HeldPtr& lease : leases) due = std::min(due, due_of(*lease));
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
  last_ = asked_at;
  for (std::size_t i = 0; i < leases.size(); ++i) answer(leases[i], statuses[i], asked_at);
  return SteadyPoint::min();
}

// A lease whose renewal is refused for good is as good as lost, and must not take the others with it.
std::vector<LeaseStatus> Heartbeat::renew(std::span<const backend::LeaseRef> leases) {
  std::vector<LeaseStatus> answers(leases.size(), LeaseStatus::lost);
  try {
    const auto refused = core::isolate(leases, [&](std::span<const backend::LeaseRef> some) {
      const std::vector<LeaseStatus> renewed = shared_.dialect().heartbeat(some, shared_.now());
      core::expect_answers(renewed.size(), some.size());
      std::ranges::copy(renewed, answers.begin() + (some.data() - leases.data()));
    });
    for (const core::Offender& o : refused) {
      shared_.events.report(Events::Level::error, name(),
                            std::string("the database refused to renew the lease: ") + o.error.what(),
                            leases[o.index].id, Events::Code::outcome_refused);
    }
  } catch (...) {
    hinted_ = true;
    throw;
  }
  return answers;
}

void Heartbeat::answer(const HeldPtr& lease, LeaseStatus status, SteadyPoint asked_at) {
  switch (status) {
    case LeaseStatus::renewed:
      lease->renewed(asked_at);
      return;
    case LeaseStatus::cancel_requested:
      lease->renewed(asked_at);
      shared_.trip(lease, StopReason::cancel);
      return;
    case LeaseStatus::lost:
      // Not news when the outcome is being written or the job was completed in the user's transaction.
      if (lease->phase() == Phase::finishing || lease->completing()) {
        lease->renewed(asked_at);
      } else if (shared_.lose(lease)) {
        shared_.events.report(Events::Level::warning, name(), "the lease was lost; somebody else may have the job",
                              lease->job().id, Events::Code::lease_lost);
      }
      return;
  }
}

}  // namespace sqlq::worker
