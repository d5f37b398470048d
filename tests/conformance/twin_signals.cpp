// Signals come, and jobs that have ended begin again from a step.

#include <algorithm>
#include <utility>

#include "twin_values.hpp"

namespace sqlq::conformance {

void Twin::signal() {
  if (!capabilities_.steps) return;
  Entry* const entry = any_job();
  if (entry == nullptr) return send(JobId::make(clock_.now()), nullptr);
  send(entry->first, &entry->second);
}

void Twin::send(JobId id, Known* job) {
  const std::string of = number(0, 1) == 0 ? "g" : "h";
  const std::string value = twin::text(number(0, 99));
  const auto mode = static_cast<SignalMode>(number(1, 3));
  std::int64_t n = 0;
  if (mode == SignalMode::append && job != nullptr) {
    for (const StepRecord& s : job->steps) {
      if (s.kind == StepKind::signal && s.name == of) n = std::max(n, s.number + 1);
    }
  }
  StepRecord* const there = job == nullptr ? nullptr : find(*job, StepKind::signal, of, n);
  const SignalStatus expected = job == nullptr                 ? SignalStatus::not_found
                                : job->is_over()               ? SignalStatus::finished
                                : there == nullptr             ? SignalStatus::stored
                                : mode == SignalMode::replace  ? SignalStatus::replaced
                                                               : SignalStatus::existing;
  const SignalStatus said = client().signal(id, of, std::string_view(value), mode);
  const std::vector<std::string> modes{"", "first", "append", "replace"};
  done("signal '" + of + "' " + twin::text(n) + " = " + value + ", " + modes[static_cast<std::size_t>(mode)] + ", to " +
       name(id) + ": " + twin::text(said));
  same(said, expected, "the answer");
  if (said == SignalStatus::replaced) {
    if (execution_) execution_->stale.insert(of + there->value);
    job->steps.erase(job->steps.begin() + (there - job->steps.data()));
  }
  if (said != SignalStatus::stored && said != SignalStatus::replaced) return;
  add(*job, StepKind::signal, of, n, value);
  if (said == SignalStatus::replaced || find(*job, StepKind::wait, of, n) == nullptr ||
      find(*job, StepKind::expired, of, n) != nullptr) {
    return;
  }
  if (job->is_held()) job->told = Told::yes;
  if (job->state != back(*job, JobState::scheduled)) return;
  // One that is overdue may be told to go on instead.
  if (job->run_at <= clock_.now() && job->told == Told::no) job->told = Told::perhaps;
  adopt_due(id, *job);
}

/// The attempt is given back. The job is due after the delay, or at once where it was told to go on.
void Twin::snooze(JobId id, Known& job, Duration delay) const {
  job.crashes = 0;
  wait_until(job, delay);
  const Told told = std::exchange(job.told, Told::no);
  if (told == Told::no) return;
  const std::optional<Job> now = admin_.find(id);
  if (told == Told::yes || (now && now->run_at <= clock_.now())) adopt_due(id, job);
}

void Twin::restart() {
  Entry* const entry = any_job();
  if (entry == nullptr || !capabilities_.steps) return;
  const JobId id = entry->first;
  auto& job = entry->second;
  const std::vector<std::string> names{"s", "t", "z", "g", "h"};
  RestartOptions options{.forget_signals = number(0, 1) == 1};
  if (number(0, 3) > 0) {
    options.from = names[index(names.size())];
    options.number = number(0, 1);
  }
  const auto is_start = [&](const StepRecord& s) {
    return s.name == *options.from && s.number == options.number &&
           (s.kind == StepKind::result || s.kind == StepKind::sleep || s.kind == StepKind::wait);
  };
  const auto start = options.from ? std::ranges::find_if(job.steps, is_start) : job.steps.begin();
  const bool no_step = options.from && start == job.steps.end();
  std::optional<RequeueStatus> said;
  try {
    said = admin_.restart(id, options);
  } catch (const Error& error) {
    require(error.code() == Errc::invalid_argument, "another error: " + std::string(error.what()));
  }
  done("restart " + name(id) + (options.from ? " from '" + *options.from + "' " + twin::text(options.number) : "") +
       (options.forget_signals ? ", signals too" : "") + ": " + (said ? twin::text(*said) : "no such step"));
  require(said || no_step, "it has that step");
  if (!said) return;
  require(!no_step || said != RequeueStatus::requeued, "it has no such step");
  same(*said, !job.is_over()         ? RequeueStatus::not_finished
              : live_with(job.key) ? RequeueStatus::duplicate
                                   : RequeueStatus::requeued, "the answer");
  if (said != RequeueStatus::requeued) return;

  const auto first = start - job.steps.begin();
  const auto place = [&](const StepRecord& s) { return &s - job.steps.data(); };
  std::vector<StepRecord> left;
  for (const StepRecord& s : job.steps) {
    const StepRecord* const wait = find(job, StepKind::wait, s.name, s.number);
    // A signal is forgotten with its wait.
    const StepRecord& of = s.kind == StepKind::signal && wait != nullptr ? *wait : s;
    const bool stays = s.kind == StepKind::signal && !options.forget_signals;
    if (stays || (options.from && place(of) < first)) left.push_back(s);
  }
  job.steps = std::move(left);
  run_again(id, job);
}

}  // namespace sqlq::conformance
