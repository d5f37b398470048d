// Durable steps as seen from outside: signals, and what an operator sees and does.

#include <algorithm>
#include <typeinfo>

#include <sqlq/admin.hpp>
#include <sqlq/backend/dialect.hpp>
#include <sqlq/client.hpp>
#include <sqlq/error.hpp>

#include "client/explain_steps.hpp"
#include "core/checks.hpp"
#include "core/lists.hpp"
#include "core/request_time.hpp"
#include "core/step_values.hpp"

namespace sqlq {

namespace {

backend::Steps& steps_of(const Database& db) {
  if (backend::Steps* const part = db.ready().steps()) return *part;
  throw Error(Errc::configuration, "this database's backend has no durable steps, and so no signals (capability "
                                   "`steps`): use a backend that has them");
}

SignalStatus send_signal(const Database& db, JobId id, std::string_view name, std::string_view json, SignalMode mode,
                  const Tx* within) {
  core::check_name(name, "the signal's name");
  check_json(json, core::step_limits(db.limits()), "the signal's value");
  return steps_of(db).signal(id, name, json, mode, within, core::request_time(db.clock()));
}

/// Whether a restart may begin with it.
bool may_be_begun(const StepRecord& step) {
  return step.kind != StepKind::signal && step.kind != StepKind::decision;
}

/// `from` names nothing that a restart may begin with.
[[noreturn]] void refuse_step(const std::vector<StepRecord>& rows, const RestartOptions& options) {
  const StepRecord asked{.name = *options.from, .number = options.number};
  const auto has = [&](StepKind kind) {
    return std::ranges::any_of(rows, [&](const StepRecord& step) {
      return step.kind == kind && step.name == asked.name && step.number == asked.number;
    });
  };
  std::string what = "the job has recorded no step, sleep, wait or children named " + named(asked);
  if (has(StepKind::signal)) {
    what += ", only a signal that it has not waited for: a signal is no place to begin at";
  } else if (has(StepKind::decision)) {
    what += ", only a decision of `since`, which is no place to begin at";
  }
  throw Error(Errc::invalid_argument, what + "; Admin::steps or `sqlq job show` lists what it has recorded");
}

bool is_taken(backend::Dialect& dialect, const std::string& unique_key) {
  const JobFilter live{.states = {JobState::pending, JobState::running, JobState::cancelling, JobState::scheduled,
                                  JobState::waiting},
                       .unique_key = unique_key};
  return !unique_key.empty() && !core::whole_page(dialect, live, {.limit = 1, .payloads = false}).empty();
}

}  // namespace

void detail::refuse_stored(const Error& error, std::string_view what, StepName name) {
  if (typeid(error) != typeid(Error)) throw;  // one of a codec of the user's
  std::string which(what);
  if (!name.name().empty()) which += " " + named({.name = std::string(name.name()), .number = name.number()});
  throw Error(error.code(), which + ": " + error.what());
}

SignalStatus Client::signal(JobId id, const std::string& name, std::string_view json, SignalMode mode) {
  return send_signal(db_, id, name, json, mode, nullptr);
}

SignalStatus Client::signal(Tx tx, JobId id, const std::string& name, std::string_view json, SignalMode mode) {
  return send_signal(db_, id, name, json, mode, &tx);
}

std::vector<StepRecord> Admin::steps(JobId id) const { return steps_of(db_).read_steps(id, nullptr); }

// Steps first: a job that was put back may be claimed at once.
RequeueStatus Admin::restart(JobId id, const RestartOptions& options) {
  if (options.from) core::check_name(*options.from, "the step's name");
  if (!options.from && options.number != 0) {
    throw Error(Errc::invalid_argument, "RestartOptions::number is the number of the step `from`, which is empty: name "
                                        "the step to begin at, or leave the number out to forget all steps");
  }
  backend::Steps& part = steps_of(db_);
  const std::optional<Job> job = find(id);
  if (!job) return RequeueStatus::not_found;
  if (!is_finished(job->state)) return RequeueStatus::not_finished;
  std::optional<backend::Steps::From> first;
  std::vector<StepRecord> rows;
  if (options.from) {
    rows = part.read_steps(id, nullptr);
    const auto row = std::ranges::find_if(rows, [&](const StepRecord& step) {
      return may_be_begun(step) && step.name == *options.from && step.number == options.number;
    });
    if (row == rows.end()) {
      refuse_step(rows, options);
    }
    first = {.kind = row->kind, .name = row->name, .number = row->number};
  }
  if (is_taken(db_.ready(), job->unique_key)) return RequeueStatus::duplicate;
  // False: others have put it back, as requeue says.
  static_cast<void>(part.forget_steps(id, first, options.forget_signals));
  return requeue(id);
}

}  // namespace sqlq
