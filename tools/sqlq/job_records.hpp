#pragma once
/// \file
/// Jobs, their histories and logs as records.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/admin.hpp>

#include "records.hpp"

namespace sqlq::tool {

/// As a JSON object; nothing when there are none.
[[nodiscard]] Value headers_value(const Headers& headers);

/// With `payloads`, also params and result. Tables have as many columns as have room in `width` (0: all).
[[nodiscard]] std::vector<Column> job_columns(bool payloads, std::size_t width);
/// `last`: the last line of its history.
[[nodiscard]] std::vector<Value> job_row(const Job& job, const std::optional<AttemptRecord>& last, bool payloads);

/// The last line of each job's history, if it has any: one query for each 1,000 of the jobs that may have one.
[[nodiscard]] std::vector<std::optional<AttemptRecord>> last_records(const Admin& admin, std::span<const Job> jobs);
[[nodiscard]] std::optional<AttemptRecord> last_record(const Admin& admin, const Job& job);

[[nodiscard]] std::vector<Column> history_columns();
[[nodiscard]] std::vector<Value> history_row(const AttemptRecord& line);
[[nodiscard]] std::vector<Column> log_columns();
[[nodiscard]] std::vector<Value> log_row(const LogLine& line);
/// "2026-11-29T16:20:00.123456Z info  text": one line, never cut, printable.
[[nodiscard]] std::string log_text(const LogLine& line);
/// `full`: with the value, not only its size.
[[nodiscard]] std::vector<Column> step_columns(bool full);
[[nodiscard]] std::vector<Value> step_row(const StepRecord& step, bool full);
[[nodiscard]] std::vector<Column> reason_columns();
[[nodiscard]] std::vector<Value> reason_row(const Reason& reason);

/// The last `most` lines of the job's log.
[[nodiscard]] std::vector<LogLine> last_lines(const Admin& admin, JobId id, std::size_t most);

/// Rows as the text of a JSON array of objects, for a cell.
[[nodiscard]] Value::Json json_array(const std::vector<Column>& columns, const std::vector<std::vector<Value>>& rows);

}  // namespace sqlq::tool
