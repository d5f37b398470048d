#pragma once
/// \file
/// Rows to values, for the column orders the catalogues declare.

#include <initializer_list>
#include <string_view>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/backend/dialect.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>
#include <sqlq/log.hpp>
#include <sqlq/steps.hpp>

#include "sql/apportion.hpp"
#include "sql/session.hpp"

namespace sqlq::sql {

[[nodiscard]] inline TimePoint wall(std::int64_t us) { return TimePoint(Duration(us)); }
[[nodiscard]] inline std::int64_t us(TimePoint t) { return t.time_since_epoch().count(); }
[[nodiscard]] inline std::int64_t us(SteadyPoint t) { return t.time_since_epoch().count(); }
[[nodiscard]] inline std::optional<std::int64_t> us(const std::optional<TimePoint>& t) {
  return t ? std::optional(us(*t)) : std::nullopt;
}

/// The answer to a second end of a lease; `ended`: the first one, from its row.
[[nodiscard]] inline FinishStatus answer_to_replay(std::int64_t ended, backend::FinishKind kind) {
  return ended == static_cast<std::int64_t>(kind) ? FinishStatus::already_applied : FinishStatus::ended_otherwise;
}

/// Is added to the line of a history whose worker says that it lives.
inline constexpr std::string_view outage_remark = "; its worker lives, so this was an outage and no crash";

/// Its 16 bytes or its text.
[[nodiscard]] SQLQ_API JobId read_id(std::string_view text);

/// Columns: id, state, priority, params, result, unique_key?, attempt, max_attempts, crashes, max_crashes, claims,
/// token, worker, keepalive, timeout, retention?, created, queued, due, started?, heartbeat?, finished?, headers?
[[nodiscard]] SQLQ_API Job read_job(Fields& fields);
/// Places of a lane. Columns: priority, due, seq
[[nodiscard]] SQLQ_API std::vector<Place> read_places(Session& session, const Statement& statement, std::int64_t lane,
                                                      std::initializer_list<Arg> args);
/// The same of the statement `peek`: the next `n` after `last`.
[[nodiscard]] SQLQ_API std::vector<Place> read_on(Session& session, const Statement& peek, std::int64_t lane,
                                                  const Place& last, std::int64_t n);
/// Columns: claim, attempt, cause, at, worker, message
[[nodiscard]] AttemptRecord read_attempt(Fields fields);
/// Columns: kind, name, number, claim, at, until?, value
[[nodiscard]] StepRecord read_step_record(Fields fields);
/// A step as its row was just written, by its execution's number and at this time.
[[nodiscard]] SQLQ_API StepRecord recorded_step(const backend::NewStep& step, std::int64_t claim, std::int64_t at);
/// Columns: token, claim, attempt, number, at, level, text
[[nodiscard]] LogLine read_log_line(JobId job, Fields fields);
/// Columns: name, description, concurrency?, priority, paused, created
[[nodiscard]] Queue read_queue(Fields fields);

}  // namespace sqlq::sql
