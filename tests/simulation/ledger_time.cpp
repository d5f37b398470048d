// What the ledger knows of durable steps, signals and schedules.

#include <utility>

#include "core/checks.hpp"
#include "simulation/ledger.hpp"

namespace sqlq::simulation {
namespace {

using backend::RecordStatus;

bool is_wait(StepKind kind) { return kind == StepKind::wait || kind == StepKind::expired; }

std::string what(StepKind kind, std::string_view name) {
  return std::string(to_string(kind)) + " " + std::string(name);
}

}  // namespace

const std::string* Ledger::Known::step(StepKind kind, std::string_view name, std::int64_t n) const {
  const auto at = steps.find({kind, std::string(name), n});
  return at == steps.end() ? nullptr : &at->second;
}

void Ledger::recorded(const backend::NewStep& step, const backend::RecordAnswer& answer) {
  Known* job = find(step.id, "step");
  if (job == nullptr) return;
  const bool held = job->state == JobState::running || job->state == JobState::cancelling;
  const bool mine = held && job->token == step.token && step.token != LeaseToken{};
  const std::string text = what(step.kind, step.name);
  note("step " + name(step.id) + " " + text + ": " + std::to_string(static_cast<int>(answer.status)));
  mix(static_cast<std::uint64_t>(answer.status) + 80);
  if (mine == (answer.status == RecordStatus::stale)) {
    return fail("step", step.id, mine ? "could not record " + text : "recorded " + text + " by a lease that was lost");
  }
  if (!mine) {
    ++figures_.late_steps;
    return;
  }
  if (step.kind == StepKind::wait) job->told = false;
  const std::string* signal = is_wait(step.kind) ? job->step(StepKind::signal, step.name, step.number) : nullptr;
  const std::string* there = signal != nullptr ? signal : job->step(step.kind, step.name, step.number);
  if (answer.status == RecordStatus::existing) {
    if (there == nullptr || *there != answer.step.value) fail("step", step.id, "has another " + text + " than it says");
    return;
  }
  if (signal != nullptr) return fail("signal", step.id, "waits for " + text + ", which had come");
  if (there != nullptr) return fail("step", step.id, "recorded " + text + " twice");
  ++figures_.steps;
  job->steps[{step.kind, std::string(step.name), step.number}] = step.value;
}

void Ledger::signalled(JobId id, std::string_view name, std::string_view value, SignalStatus answer) {
  note("signal " + std::string(name) + " to " + this->name(id) + ": " + std::string(to_string(answer)));
  mix(static_cast<std::uint64_t>(answer) + 90);
  if (answer == SignalStatus::not_found) return;  // purged
  Known* job = find(id, "signal");
  if (job == nullptr) return;
  const bool there = job->step(StepKind::signal, name) != nullptr;
  const SignalStatus expected = is_finished(job->state) ? SignalStatus::finished
                                : there                 ? SignalStatus::existing
                                                        : SignalStatus::stored;
  if (answer != expected) return fail("signal", id, "got one: " + std::string(to_string(answer)));
  if (answer != SignalStatus::stored) return;
  ++figures_.signals;
  job->steps[{StepKind::signal, std::string(name), 0}] = value;
  job->told = true;  // one that had become due may be told instead of woken
  if (job->state != JobState::scheduled || job->step(StepKind::wait, name) == nullptr) return;
  job->state = JobState::pending;
  job->due = clock_.now();
}

void Ledger::answered(const Job& said, StepKind kind, const std::string& name,
                      const std::optional<std::string>& value) {
  const auto at = jobs_.find(said.id);
  if (at == jobs_.end() || at->second.token != said.lease_token) return;  // it may be another job of that id
  const Known& job = at->second;
  if (kind == StepKind::wait && !value) {
    ++figures_.expired;
    if (job.step(StepKind::expired, name) == nullptr) fail("signal", said.id, "did not get " + name + " in its time");
    return;
  }
  if (kind == StepKind::wait) {
    ++figures_.received;
    if (job.step(StepKind::expired, name) != nullptr) fail("signal", said.id, "got " + name + " after its time");
    kind = StepKind::signal;
  }
  const std::string* there = job.step(kind, name);
  if (there == nullptr || *there != value) {
    fail(kind == StepKind::signal ? "signal" : "step", said.id, "was answered another " + what(kind, name));
  }
}

void Ledger::ticked(std::span<const backend::PeriodicChange> changes,
                    std::span<const backend::PeriodicOutcome> outcomes) {
  core::expect_answers(outcomes.size(), changes.size());
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (!outcomes[i].applied) continue;
    const std::string schedule(changes[i].name);
    for (const backend::EnqueueItem& job : changes[i].jobs) {
      note("tick of " + schedule + ": " + std::string(job.headers));
      mix(95);
      ++figures_.ticks;
      if (!ticks_[schedule].emplace(job.headers).second) fail("tick", job.id, "is of a tick that had fired");
    }
    enqueued(changes[i].jobs, outcomes[i].jobs);
  }
}

void Ledger::compare(const ScheduleState& s) {
  const std::string schedule = "of schedule " + s.schedule.name + ": ";
  const auto& ticks = ticks_[s.schedule.name];
  if (ticks.size() != s.fired) fail("tick", {}, schedule + "it counts others than have fired");
  if (!s.last_tick || s.schedule.rule.find("@every ") != 0) return;
  const auto every = std::chrono::seconds(std::stoi(s.schedule.rule.substr(7)));
  const auto all = static_cast<std::uint64_t>((*s.last_tick - *s.schedule.start) / every) + 1;
  if (all != s.fired + s.missed + s.skipped) fail("tick", {}, schedule + "ticks are neither fired nor passed over");
  if (s.schedule.missed == Missed::all && s.fired != all) fail("tick", {}, schedule + "ticks are passed over");
}

}  // namespace sqlq::simulation
