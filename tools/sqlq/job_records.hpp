#pragma once
/// \file
/// Jobs, their histories and logs as records.

#include <cstddef>
#include <optional>
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

/// The last line of the job's history, if it has one among its first 1000. Asks only when the job may have any.
[[nodiscard]] std::optional<AttemptRecord> last_line(const Admin& admin, const Job& job);

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
