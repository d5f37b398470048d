// What jobs in memory remember of their executions.

#include <algorithm>
#include <utility>

#include "core/steps.hpp"
#include "testing/memory_queue.hpp"

namespace sqlq::testing {
namespace {

using backend::NewStep;
using backend::RecordAnswer;
using backend::RecordStatus;
using Steps = std::vector<StepRecord>;

Steps::const_iterator find_step(const Steps& steps, StepKind kind, std::string_view name, std::int64_t number) {
  return std::ranges::find_if(steps, [&](const StepRecord& step) {
    return step.kind == kind && step.name == name && step.number == number;
  });
}

bool has(const Steps& steps, StepKind kind, std::string_view name, std::int64_t number) {
  return find_step(steps, kind, name, number) != steps.end();
}

bool has_lease(const Job& job) { return job.state == JobState::running || job.state == JobState::cancelling; }

}  // namespace

std::vector<StepRecord> MemoryQueue::read_steps(JobId id) const {
  const Row* row = find(id);
  return row == nullptr ? Steps{} : row->steps;
}

RecordAnswer MemoryQueue::record_step_within(const NewStep& step, Instant now) {
  Row* row = find(step.id);
  const bool mine = row != nullptr && has_lease(row->job) && row->job.lease_token == step.token;
  if (!mine || step.token == LeaseToken{}) return {};
  const bool waits = step.kind == StepKind::wait || step.kind == StepKind::expired;
  auto there = waits ? find_step(row->steps, StepKind::signal, step.name, step.number) : row->steps.cend();
  if (there == row->steps.cend()) there = find_step(row->steps, step.kind, step.name, step.number);
  if (there != row->steps.cend()) return {.status = RecordStatus::existing, .step = *there};
  core::require_room_for_step(std::ssize(row->steps));
  StepRecord& added = row->steps.emplace_back(
      StepRecord{.kind = step.kind, .name = std::string(step.name), .number = step.number, .claim = row->job.claims,
                 .at = now.wall, .value = std::string(step.value)});
  if (step.delay) added.until = saturating_add(now.wall, *step.delay);
  return {.status = RecordStatus::recorded, .step = added};
}

RecordAnswer MemoryQueue::record_step(const NewStep& step, Instant now) {
  RecordAnswer answer = record_step_within(step, now);
  const bool takes_back = step.kind == StepKind::wait || step.kind == StepKind::children;
  if (takes_back && answer.status != RecordStatus::stale) find(step.id)->told = false;
  return answer;
}

SignalStatus MemoryQueue::signal(const Signal& signal, Instant now) {
  Row* row = find(signal.id);
  if (row == nullptr) return SignalStatus::not_found;
  if (is_finished(row->job.state)) return SignalStatus::finished;
  std::int64_t number = 0;
  if (signal.mode == SignalMode::append) {
    for (const StepRecord& step : row->steps) {
      if (step.kind == StepKind::signal && step.name == signal.name) number = std::max(number, step.number + 1);
    }
  } else if (has(row->steps, StepKind::signal, signal.name, number)) {
    return SignalStatus::existing;
  }
  core::require_room_for_step(std::ssize(row->steps));
  row->steps.push_back({.kind = StepKind::signal, .name = std::string(signal.name), .number = number, .at = now.wall,
                        .value = std::string(signal.value)});
  if (row->job.state == JobState::scheduled && has(row->steps, StepKind::wait, signal.name, number)) {
    go_on(*row, now);
  } else {
    row->told = true;
  }
  news_ = true;
  return SignalStatus::stored;
}

void MemoryQueue::wake(JobId id, Instant now) {
  Row* row = find(id);
  if (row == nullptr) return;
  if (has_lease(row->job)) {
    row->told = true;
  } else if (row->job.state == JobState::scheduled &&
             std::ranges::any_of(row->steps, [](const StepRecord& s) { return s.kind == StepKind::children; })) {
    go_on(*row, now);
  }
}

bool MemoryQueue::forget_steps(JobId id, const std::optional<backend::Steps::From>& from) {
  Row* row = find(id);
  if (row == nullptr || !is_finished(row->job.state)) return false;
  auto first = row->steps.cbegin();
  if (from) first = find_step(row->steps, from->kind, from->name, from->number);
  if (from && first == row->steps.cend()) return false;
  const auto at = row->steps.begin() + (first - row->steps.cbegin());
  row->steps.erase(std::remove_if(at, row->steps.end(),
                                  [](const StepRecord& step) { return step.kind != StepKind::signal; }),
                   row->steps.end());
  return true;
}

/// A scheduled job is due.
void MemoryQueue::go_on(Row& row, Instant now) {
  row.job.run_at = now.wall;
  put_back(row, JobState::pending, now);
}

}  // namespace sqlq::testing
