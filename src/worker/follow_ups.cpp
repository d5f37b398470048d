#include "worker/follow_ups.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/step_values.hpp"
#include "platform/user_code.hpp"
#include "worker/completer.hpp"
#include "worker/fetcher.hpp"

namespace sqlq::worker {

using backend::FinishKind;

namespace {

/// More are not kept for another try.
constexpr std::size_t most_kept = 10'000;

}  // namespace

void FollowUps::note(const Ending& ending, FinishStatus status) {
  const Job& job = ending.lease->job();
  const bool forget = ending.forget_steps && status == FinishStatus::applied;
  if (!forget && job.headers.empty()) return;
  const bool for_good = ending.kind == FinishKind::success || ending.kind == FinishKind::fail ||
                        ending.kind == FinishKind::cancel || status == FinishStatus::cancelled;
  const auto header = for_good ? job.headers.find(std::string(parent_header)) : job.headers.end();
  std::optional<Parent> parent;
  if (header != job.headers.end()) parent = read_parent(header->second);
  if (!forget && !parent) return;
  {
    const core::MutexLock lock(mutex_);
    if (forget) wanted_.forget.push_back(job.id);
    if (parent) wanted_.parents.insert(*std::move(parent));
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
    wake_parents(*steps, wanted.parents);
    wanted.parents.clear();
    while (!wanted.forget.empty()) {
      steps->forget_steps(wanted.forget.back(), std::nullopt);
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

void FollowUps::put_back(Wanted wanted) {
  const core::MutexLock lock(mutex_);
  if (wanted_.parents.size() < most_kept) wanted_.parents.merge(wanted.parents);
  if (wanted_.forget.size() < most_kept) {
    wanted_.forget.insert(wanted_.forget.end(), wanted.forget.begin(), wanted.forget.end());
  }
}

void FollowUps::wake_parents(backend::Steps& steps, const std::set<Parent>& parents) {
  std::vector<JobId> ready;
  for (const Parent& parent : parents) {
    if (all_have_ended(steps, parent)) ready.push_back(parent.id);
  }
  if (ready.empty()) return;
  steps.wake(ready, shared_.now());
  fetcher_.wake();
}

// Of two workers that end the last two children at once, the one that looks later sees both outcomes.
bool FollowUps::all_have_ended(backend::Steps& steps, const Parent& parent) const {
  const std::vector<StepRecord> rows = steps.read_steps(parent.id, nullptr);
  const auto row = std::ranges::find_if(rows, [&](const StepRecord& step) {
    return step.kind == StepKind::children && step.name == parent.name && step.number == parent.number;
  });
  return row != rows.end() && !any_live(shared_.dialect(), core::read_ids(row->value));
}

}  // namespace sqlq::worker
