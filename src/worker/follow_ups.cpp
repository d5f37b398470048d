#include "worker/follow_ups.hpp"

#include <algorithm>
#include <utility>

#include "core/step_values.hpp"
#include "platform/user_code.hpp"
#include "worker/completer.hpp"

namespace sqlq::worker {

using backend::FinishKind;

void FollowUps::note(const Ending& ending, FinishStatus status) {
  const Job& job = ending.lease->job();
  if (ending.forget_steps && status == FinishStatus::applied) forget_.push_back(job.id);
  if (job.headers.empty()) return;
  const bool for_good = ending.kind == FinishKind::success || ending.kind == FinishKind::fail ||
                        ending.kind == FinishKind::cancel || status == FinishStatus::cancelled;
  const auto header = for_good ? job.headers.find(std::string(parent_header)) : job.headers.end();
  if (header == job.headers.end()) return;
  if (auto parent = read_parent(header->second)) parents_.insert(*std::move(parent));
}

bool FollowUps::run() {
  if (parents_.empty() && forget_.empty()) return false;
  bool woken = false;
  try {
    if (backend::Steps* const steps = shared_.dialect().steps()) {
      woken = wake_parents(*steps);
      forget_steps(*steps);
    }
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
  }
  parents_.clear();
  forget_.clear();
  return woken;
}

bool FollowUps::wake_parents(backend::Steps& steps) {
  std::vector<JobId> ready;
  for (const Parent& parent : parents_) {
    if (all_have_ended(steps, parent)) ready.push_back(parent.id);
  }
  if (ready.empty()) return false;
  steps.wake(ready, shared_.now());
  return true;
}

// Of two workers that end the last two children at once, the one that looks later sees both outcomes.
bool FollowUps::all_have_ended(backend::Steps& steps, const Parent& parent) const {
  const std::vector<StepRecord> rows = steps.read_steps(parent.id, nullptr);
  const auto row = std::ranges::find_if(rows, [&](const StepRecord& step) {
    return step.kind == StepKind::children && step.name == parent.name && step.number == parent.number;
  });
  return row != rows.end() && !any_live(shared_.dialect(), core::read_ids(row->value));
}

void FollowUps::forget_steps(backend::Steps& steps) {
  for (const JobId id : forget_) steps.forget_steps(id, std::nullopt);
}

}  // namespace sqlq::worker
