#include "job_records.hpp"

#include <algorithm>
#include <deque>
#include <sstream>
#include <utility>

#include "text.hpp"

namespace sqlq::tool {

namespace {

/// Drops from the table what people miss least, until the rest has room.
void make_room(std::vector<Column>& columns, std::size_t width) {
  constexpr std::size_t of_ids = 36;
  constexpr std::size_t least = 9;  // of a column that is cut; room for each state
  const auto needed = [&columns] {
    std::size_t sum = 0;
    for (const Column& column : columns) {
      if (column.shown == Column::in_data) continue;
      sum += 2 + (column.shown == Column::whole ? of_ids : least);
    }
    return sum - 2;
  };
  for (const char* name : {"worker", "priority", "attempt", "created_at", "error", "queue"}) {
    if (width == 0 || needed() <= width) return;
    for (Column& column : columns) {
      if (column.name == name) column.shown = Column::in_data;
    }
  }
}

Value json_or_nothing(const std::string& text) { return text.empty() ? Value() : Value(Value::Json{text}); }

Value text_or_nothing(const std::string& text) { return text.empty() ? Value() : Value(text); }

/// The first execution leaves no line before it ends, and none when it ends well.
bool may_have_history(const Job& job) {
  const bool held = job.state == JobState::running || job.state == JobState::cancelling;
  if (job.claims == 0) return is_finished(job.state);
  return job.claims > 1 || !(held || job.state == JobState::success);
}

Value time_or_none(Duration time) { return time == Duration::zero() ? Value() : Value(time); }

}  // namespace

Value headers_value(const Headers& headers) {
  if (headers.empty()) return {};
  return Value::Json{nlohmann::json(headers).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

std::vector<Column> job_columns(bool payloads, std::size_t width) {
  const auto data = [](const char* name) { return Column{name, Column::left, Column::in_data}; };
  std::vector<Column> columns{{"id", Column::left, Column::whole},
                              {"queue"},
                              {"kind"},
                              {"state"},
                              {"priority", Column::right},
                              {"attempt", Column::right},
                              {"created_at"},
                              {"worker"},
                              {"error"}};
  for (const char* name : {"cause", "max_attempts", "crashes", "max_crashes", "claims", "unique_key", "queued_at",
                           "run_at", "started_at", "heartbeat_at", "finished_at", "keepalive", "timeout", "retention",
                           "progress_done", "progress_total", "progress_note", "progress_at", "headers",
                           "key"}) {
    columns.push_back(data(name));
  }
  if (payloads) {
    columns.push_back({"params"});
    columns.push_back({"result"});
  }
  make_room(columns, width);
  return columns;
}

std::vector<Value> job_row(const Job& job, const std::optional<AttemptRecord>& last, bool payloads) {
  std::vector<Value> row{job.id.to_string(), job.queue,      job.kind,
                         to_string(job.state), job.priority, job.attempt,
                         job.created_at,     text_or_nothing(job.worker)};
  // What a job sleeps or waits for is no error, nor is that an operator has put it back.
  const bool failed = last && last->cause != Cause::snoozed && last->cause != Cause::requeued;
  row.push_back(failed ? text_or_nothing(last->message) : Value());
  row.push_back(last ? Value(to_string(last->cause)) : Value());
  for (const Value& value : std::vector<Value>{job.max_attempts, job.crashes, job.max_crashes, job.claims,
                                               text_or_nothing(job.unique_key), job.queued_at, job.run_at,
                                               job.started_at, job.heartbeat_at, job.finished_at, job.keepalive,
                                               time_or_none(job.timeout), job.retention}) {
    row.push_back(value);
  }
  if (job.progress) {
    row.insert(row.end(), {job.progress->done, job.progress->total, text_or_nothing(job.progress->note),
                           job.progress->at});
  } else {
    row.resize(row.size() + 4);
  }
  row.push_back(headers_value(job.headers));
  row.push_back(text_or_nothing(std::string(key_of(job))));
  if (payloads) {
    row.push_back(json_or_nothing(job.params));
    row.push_back(json_or_nothing(job.result));
  }
  return row;
}

std::vector<std::optional<AttemptRecord>> last_records(const Admin& admin, std::span<const Job> jobs) {
  constexpr std::size_t most = 1000;
  std::vector<std::optional<AttemptRecord>> records(jobs.size());
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (may_have_history(jobs[i])) places.push_back(i);
  }
  for (std::size_t begin = 0; begin < places.size(); begin += most) {
    const std::span<const std::size_t> some = std::span(places).subspan(begin, std::min(most, places.size() - begin));
    std::vector<JobId> ids;
    for (const std::size_t i : some) ids.push_back(jobs[i].id);
    std::vector<std::optional<AttemptRecord>> found = admin.last_records(ids);
    for (std::size_t i = 0; i < some.size(); ++i) records[some[i]] = std::move(found[i]);
  }
  return records;
}

std::optional<AttemptRecord> last_record(const Admin& admin, const Job& job) {
  return last_records(admin, std::span(&job, 1)).front();
}

std::vector<Column> history_columns() {
  return {{"at"}, {"attempt", Column::right}, {"cause"}, {"worker"}, {"message"},
          {"claim", Column::right, Column::in_data}};
}

std::vector<Value> history_row(const AttemptRecord& line) {
  return {line.at, line.attempt, to_string(line.cause), text_or_nothing(line.worker), line.message, line.claim};
}

std::vector<Column> log_columns() {
  return {{"at"}, {"level"}, {"text"}, {"attempt"}, {"claim"}, {"number"}};
}

std::vector<Value> log_row(const LogLine& line) {
  return {line.at, to_string(line.level), line.text, line.attempt, line.claim, line.number};
}

std::string log_text(const LogLine& line) {
  std::string text = utc(line.at) + " ";
  text += to_string(line.level);
  return text + (to_string(line.level).size() < 5 ? "  " : " ") + printable(line.text);
}

std::vector<Column> step_columns(bool full) {
  std::vector<Column> columns{{"kind"}, {"name"}, {"number", Column::right}, {"at"}, {"until"},
                              {"claim", Column::right}, {"bytes", Column::right}};
  if (full) columns.push_back({"value"});
  return columns;
}

std::vector<Value> step_row(const StepRecord& step, bool full) {
  std::vector<Value> row{to_string(step.kind), step.name,  step.number,      step.at,
                         step.until,           step.claim, step.value.size()};
  if (full) row.push_back(json_or_nothing(step.value));
  return row;
}

std::vector<Column> reason_columns() {
  return {{"code"},    {"sentence"}, {"state"}, {"queue"}, {"kind"},  {"worker"},     {"message"}, {"workers"},
          {"jobs"},    {"at"},       {"count"}, {"limit"}, {"difference"}, {"step"}, {"step_number"},
          {"key"}};
}

std::vector<Value> reason_row(const Reason& reason) {
  using Code = Reason::Code;
  std::vector<std::string> ids;
  for (const JobId id : reason.jobs) ids.push_back(id.to_string());
  const auto list = [](const std::vector<std::string>& texts) {
    return Value(Value::Json{nlohmann::json(texts).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
  };
  const bool counted = reason.code == Code::limit_used || reason.code == Code::suspect ||
                       reason.code == Code::behind || reason.code == Code::waits_for_children ||
                       reason.code == Code::key_used || reason.code == Code::key_line;
  const bool limited = reason.code == Code::limit_used || reason.code == Code::key_used;
  return {to_string(reason.code),
          reason.sentence,
          reason.state == JobState::invalid ? Value() : Value(to_string(reason.state)),
          text_or_nothing(reason.queue),
          text_or_nothing(reason.kind),
          text_or_nothing(reason.worker),
          text_or_nothing(reason.message),
          list(reason.workers),
          list(ids),
          reason.at,
          counted ? Value(Value::Count{reason.count, reason.capped}) : Value(),
          limited ? Value(std::int64_t{reason.limit}) : Value(),
          time_or_none(reason.difference),
          text_or_nothing(reason.step),
          reason.step.empty() ? Value() : Value(reason.number),
          text_or_nothing(reason.key)};
}

std::vector<LogLine> last_lines(const Admin& admin, JobId id, std::size_t most) {
  constexpr std::size_t page = 1000;
  std::deque<LogLine> kept;
  std::pair<std::int64_t, std::int64_t> after{0, 0};
  for (;;) {
    std::vector<LogLine> lines = admin.logs(id, after, page);
    const bool whole = lines.size() == page;
    if (whole) after = {lines.back().claim, lines.back().number};
    for (LogLine& line : lines) kept.push_back(std::move(line));
    while (kept.size() > most) kept.pop_front();
    if (!whole) return {kept.begin(), kept.end()};
  }
}

Value::Json json_array(const std::vector<Column>& columns, const std::vector<std::vector<Value>>& rows) {
  std::ostringstream text;
  Records records(text, Look{.format = Format::json}, columns);
  for (const std::vector<Value>& row : rows) records.add(row);
  records.finish();
  std::string json = text.str();
  std::erase(json, '\n');  // between tokens: strings have none
  return {json};
}

}  // namespace sqlq::tool
