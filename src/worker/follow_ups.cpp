#include "worker/follow_ups.hpp"

#include <optional>
#include <utility>

#include "platform/user_code.hpp"
#include "worker/completer.hpp"

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

void FollowUps::note_ended(std::span<const JobId> jobs) {
  if (jobs.empty()) return;
  {
    const core::MutexLock lock(mutex_);
    append(wanted_.ended, jobs);
  }
  wake();
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
  if (wanted.none() || steps == nullptr) return SteadyPoint::max();
  try {
    wake_parents(wanted);
    while (!wanted.forget.empty()) {
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

void FollowUps::wake_parents(Wanted& wanted) {
  wanted.parents.merge(core::parents_of(shared_.dialect(), wanted.ended));
  wanted.ended.clear();
  core::wake_parents(shared_.dialect(), wanted.parents, shared_.now());
  wanted.parents.clear();
}

void FollowUps::put_back(Wanted wanted) {
  const core::MutexLock lock(mutex_);
  if (wanted_.parents.size() < most_kept) wanted_.parents.merge(wanted.parents);
  append(wanted_.ended, wanted.ended);
  append(wanted_.forget, wanted.forget);
}

}  // namespace sqlq::worker
