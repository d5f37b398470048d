#include "worker/follow_ups.hpp"

#include <optional>
#include <utility>

#include "platform/user_code.hpp"

namespace sqlq::worker {

namespace {

/// More are not kept for another try.
constexpr std::size_t most_kept = 10'000;

void append(std::vector<JobId>& to, std::span<const JobId> more) {
  if (to.size() < most_kept) to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

void FollowUps::note(const Ending& ending, FinishStatus status) {
  const Job& job = ending.lease->job();
  const bool forget = ending.forget_steps && status == FinishStatus::applied;
  if (!forget && job.headers.empty()) return;
  if (auto gate = core::gate_of(job)) gatekeeper_.note(*std::move(gate));
  std::optional<core::Parent> parent;
  if (core::ended_for_good(ending.kind, status)) parent = core::parent_of(job.headers);
  if (!forget && !parent) return;
  {
    const core::MutexLock lock(mutex_);
    if (forget) wanted_.forget.push_back(job.id);
    if (parent) wanted_.parents.insert(*std::move(parent));
  }
  wake();
}

void FollowUps::note_left(std::span<const JobId> jobs) {
  if (jobs.empty()) return;
  {
    const core::MutexLock lock(mutex_);
    append(wanted_.left, jobs);
  }
  wake();
}

void FollowUps::note_released(std::span<const HeldPtr> leases) {
  for (const HeldPtr& lease : leases) {
    if (auto gate = core::gate_of(lease->job())) gatekeeper_.note(*std::move(gate));
  }
  gatekeeper_.look_soon();
}

bool FollowUps::may_end() const {
  if (shared_.outlived.any_new()) return false;
  const core::MutexLock lock(mutex_);
  return wanted_.none();
}

SteadyPoint FollowUps::step() {
  report_outages();
  Wanted wanted;
  {
    const core::MutexLock lock(mutex_);
    std::swap(wanted, wanted_);
  }
  backend::Steps* const steps = shared_.dialect().steps();
  if (wanted.none()) return SteadyPoint::max();
  try {
    tell_waiters(wanted);
    while (steps != nullptr && !wanted.forget.empty()) {
      steps->forget_steps(wanted.forget.back(), std::nullopt, true);
      wanted.forget.pop_back();
    }
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    put_back(std::move(wanted));
    throw;
  }
  return SteadyPoint::min();
}

// At once, for a worker that is stopping has no other time.
void FollowUps::report_outages() {
  if (!shared_.outlived.take_news()) return;
  try {
    shared_.report_outages();
  } catch (...) {  // maintenance tries again and reports
    if (platform::in_forced_unwind()) throw;
  }
}

void FollowUps::tell_waiters(Wanted& wanted) {
  core::Waiters waiters = core::waiters_of(shared_.dialect(), wanted.left);
  wanted.left.clear();
  for (const backend::GateName& gate : waiters.gates) gatekeeper_.note(gate);
  gatekeeper_.look_soon();
  wanted.parents.merge(waiters.parents);
  core::wake_parents(shared_.dialect(), wanted.parents, shared_.now());
  wanted.parents.clear();
}

void FollowUps::put_back(Wanted wanted) {
  const core::MutexLock lock(mutex_);
  if (wanted_.parents.size() < most_kept) wanted_.parents.merge(wanted.parents);
  append(wanted_.left, wanted.left);
  append(wanted_.forget, wanted.forget);
}

}  // namespace sqlq::worker
