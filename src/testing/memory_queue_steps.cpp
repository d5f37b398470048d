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
  StepRecord added{.kind = step.kind, .name = std::string(step.name), .number = step.number, .claim = row->job.claims,
                   .at = now.wall, .value = std::string(step.value)};
  if (step.delay) added.until = saturating_add(now.wall, *step.delay);
  const bool waits = step.kind == StepKind::wait || step.kind == StepKind::expired;
  const auto signal = waits ? find_step(row->steps, StepKind::signal, step.name, step.number) : row->steps.cend();
  if (signal != row->steps.cend()) {
    RecordAnswer answer{.status = RecordStatus::existing, .step = *signal};
    const bool adds = step.kind == StepKind::wait && !has(row->steps, StepKind::wait, step.name, step.number);
    if (adds && std::ssize(row->steps) < core::most_steps) row->steps.push_back(std::move(added));
    return answer;
  }
  const auto there = find_step(row->steps, step.kind, step.name, step.number);
  if (there != row->steps.cend()) return {.status = RecordStatus::existing, .step = *there};
  core::require_room_for_step(std::ssize(row->steps));
  return {.status = RecordStatus::recorded, .step = row->steps.emplace_back(std::move(added))};
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
  } else if (const auto there = find_step(row->steps, StepKind::signal, signal.name, number);
             there != row->steps.cend()) {
    if (signal.mode == SignalMode::first) return SignalStatus::existing;
    const auto old = row->steps.begin() + (there - row->steps.cbegin());
    old->at = now.wall;
    old->value = signal.value;
    std::rotate(old, old + 1, row->steps.end());
    return SignalStatus::replaced;
  }
  core::require_room_for_step(std::ssize(row->steps));
  row->steps.push_back({.kind = StepKind::signal, .name = std::string(signal.name), .number = number, .at = now.wall,
                        .value = std::string(signal.value)});
  const bool waits = has(row->steps, StepKind::wait, signal.name, number) &&
                     !has(row->steps, StepKind::expired, signal.name, number);
  if (waits && comes_later(*row, now)) {
    go_on(*row, now);
  } else if (waits && has_lease(row->job)) {
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
  } else if (comes_later(*row, now) &&
             std::ranges::any_of(row->steps, [](const StepRecord& s) { return s.kind == StepKind::children; })) {
    go_on(*row, now);
  }
}

bool MemoryQueue::forget_steps(JobId id, const std::optional<backend::Steps::From>& from, bool signals) {
  Row* row = find(id);
  if (row == nullptr || !is_finished(row->job.state)) return false;
  const Steps before = row->steps;
  auto first = before.cbegin();
  if (from) first = find_step(before, from->kind, from->name, from->number);
  if (from && first == before.cend()) return false;
  row->steps.clear();
  for (auto step = before.cbegin(); step != before.cend(); ++step) {
    auto place = step;
    if (step->kind == StepKind::signal) {
      const auto wait = find_step(before, StepKind::wait, step->name, step->number);
      if (wait != before.cend()) place = wait;
    }
    const bool goes = place >= first && (signals || step->kind != StepKind::signal);
    if (!goes) row->steps.push_back(*step);
  }
  return true;
}

/// A job that comes later is due.
void MemoryQueue::go_on(Row& row, Instant now) {
  row.job.run_at = now.wall;
  put_back(row, JobState::pending, now);
}

}  // namespace sqlq::testing
