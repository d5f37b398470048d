// The names of all enumerations a user may print.

#include <array>
#include <cstddef>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
#include <sqlq/explain.hpp>
#include <sqlq/finding.hpp>
#include <sqlq/job.hpp>
#include <sqlq/log.hpp>
#include <sqlq/steps.hpp>

namespace sqlq {

namespace {

constexpr std::array<std::string_view, 9> state_names{"invalid",    "pending",   "running",   "success", "errored",
                                                      "cancelling", "cancelled", "scheduled", "waiting"};

}  // namespace

std::string_view to_string(JobState state) noexcept {
  const auto index = static_cast<std::size_t>(state);
  return index < state_names.size() ? state_names[index] : "unknown";
}

JobState parse_job_state(std::string_view text) noexcept {
  for (std::size_t i = 0; i < state_names.size(); ++i) {
    if (state_names[i] == text) return static_cast<JobState>(i);
  }
  return JobState::invalid;
}

std::string_view to_string(Cause cause) noexcept {
  switch (cause) {
    case Cause::failed: return "failed";
    case Cause::discarded: return "discarded";
    case Cause::timed_out: return "timed_out";
    case Cause::lease_ended: return "lease_ended";
    case Cause::released: return "released";
    case Cause::snoozed: return "snoozed";
    case Cause::cancelled: return "cancelled";
    case Cause::requeued: return "requeued";
    case Cause::taken_away: return "taken_away";
    case Cause::outage: return "outage";
  }
  return "unknown";
}

std::string_view to_string(Reason::Code code) noexcept {
  using ReasonCode = Reason::Code;
  switch (code) {
    case ReasonCode::schema_behind: return "schema_behind";
    case ReasonCode::not_found: return "not_found";
    case ReasonCode::finished: return "finished";
    case ReasonCode::running: return "running";
    case ReasonCode::stuck: return "stuck";
    case ReasonCode::cancelling: return "cancelling";
    case ReasonCode::waiting: return "waiting";
    case ReasonCode::key_used: return "key_used";
    case ReasonCode::key_rate: return "key_rate";
    case ReasonCode::key_shut: return "key_shut";
    case ReasonCode::key_line: return "key_line";
    case ReasonCode::sleeping: return "sleeping";
    case ReasonCode::waits_for_signal: return "waits_for_signal";
    case ReasonCode::waits_for_children: return "waits_for_children";
    case ReasonCode::queue_paused: return "queue_paused";
    case ReasonCode::limit_used: return "limit_used";
    case ReasonCode::no_worker: return "no_worker";
    case ReasonCode::none_of_queue: return "none_of_queue";
    case ReasonCode::none_of_kind: return "none_of_kind";
    case ReasonCode::draining: return "draining";
    case ReasonCode::all_busy: return "all_busy";
    case ReasonCode::due_later: return "due_later";
    case ReasonCode::suspect: return "suspect";
    case ReasonCode::behind: return "behind";
    case ReasonCode::clocks_differ: return "clocks_differ";
    case ReasonCode::may_run: return "may_run";
  }
  return "unknown";
}

std::string_view to_string(Finding::Severity severity) noexcept {
  switch (severity) {
    case Finding::Severity::note: return "note";
    case Finding::Severity::warning: return "warning";
    case Finding::Severity::error: return "error";
  }
  return "unknown";
}

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warn: return "warn";
    case LogLevel::error: return "error";
  }
  return "unknown";
}

std::string_view to_string(ActionStatus status) noexcept {
  switch (status) {
    case ActionStatus::done: return "done";
    case ActionStatus::unchanged: return "unchanged";
    case ActionStatus::not_found: return "not_found";
  }
  return "invalid";
}

std::string_view to_string(DeleteQueueStatus status) noexcept {
  switch (status) {
    case DeleteQueueStatus::deleted: return "deleted";
    case DeleteQueueStatus::not_empty: return "not_empty";
    case DeleteQueueStatus::not_found: return "not_found";
  }
  return "invalid";
}

std::string_view to_string(EnqueueStatus status) noexcept {
  switch (status) {
    case EnqueueStatus::inserted: return "inserted";
    case EnqueueStatus::existing_id: return "existing_id";
    case EnqueueStatus::existing_key: return "existing_key";
  }
  return "unknown";
}

std::string_view to_string(FinishStatus status) noexcept {
  switch (status) {
    case FinishStatus::applied: return "applied";
    case FinishStatus::already_applied: return "already_applied";
    case FinishStatus::cancelled: return "cancelled";
    case FinishStatus::stale: return "stale";
    case FinishStatus::ended_otherwise: return "ended_otherwise";
  }
  return "unknown";
}

std::string_view to_string(LeaseStatus status) noexcept {
  switch (status) {
    case LeaseStatus::renewed: return "renewed";
    case LeaseStatus::cancel_requested: return "cancel_requested";
    case LeaseStatus::lost: return "lost";
  }
  return "unknown";
}

std::string_view to_string(CancelStatus status) noexcept {
  switch (status) {
    case CancelStatus::cancelled: return "cancelled";
    case CancelStatus::cancelling: return "cancelling";
    case CancelStatus::finished: return "finished";
    case CancelStatus::not_found: return "not_found";
  }
  return "unknown";
}

std::string_view to_string(RequeueStatus status) noexcept {
  switch (status) {
    case RequeueStatus::requeued: return "requeued";
    case RequeueStatus::not_finished: return "not_finished";
    case RequeueStatus::duplicate: return "duplicate";
    case RequeueStatus::not_found: return "not_found";
  }
  return "unknown";
}

std::string_view to_string(StepKind kind) noexcept {
  switch (kind) {
    case StepKind::result: return "result";
    case StepKind::sleep: return "sleep";
    case StepKind::wait: return "wait";
    case StepKind::signal: return "signal";
    case StepKind::expired: return "expired";
    case StepKind::decision: return "decision";
    case StepKind::children: return "children";
  }
  return "unknown";
}

std::string_view to_string(SignalStatus status) noexcept {
  switch (status) {
    case SignalStatus::stored: return "stored";
    case SignalStatus::existing: return "existing";
    case SignalStatus::finished: return "finished";
    case SignalStatus::not_found: return "not_found";
    case SignalStatus::replaced: return "replaced";
  }
  return "unknown";
}

}  // namespace sqlq
