#include "schedule_records.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "exit_code.hpp"
#include "job_records.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

constexpr std::array all_missed{Missed::one, Missed::skip, Missed::all};
constexpr std::array all_overlap{Overlap::skip, Overlap::allow, Overlap::queue_one, Overlap::cancel_old};

/// What is not of the definition.
constexpr std::array<std::string_view, 9> standing{"schedule", "paused",  "next",   "last_tick", "trouble",
                                                   "fired",    "skipped", "missed", "last_job"};

template <class Words>
std::vector<std::string> words(const Words& values) {
  std::vector<std::string> all;
  for (const auto value : values) all.emplace_back(to_string(value));
  return all;
}

template <class Words>
auto value_of(const Words& values, std::string_view word) {
  for (const auto value : values) {
    if (to_string(value) == word) return value;
  }
  return values.front();
}

std::string local_time(const Tick& tick) {
  std::ostringstream text;
  text << tick;
  return text.str();
}

template <class T>
Value value_or_nothing(const T& value, bool is_there) {
  return is_there ? Value(value) : Value();
}

}  // namespace

std::string schedule_name(const std::string& name) { return "'" + printable(name) + "'"; }

std::vector<Column> schedule_columns(bool whole) {
  const Column::Shown rest = whole ? Column::always : Column::in_data;
  std::vector<Column> columns{{"schedule"}, {"rule"}, {"zone"}, {"kind"}, {"paused"}, {"next"}, {"last_tick"},
                              {"trouble"}};
  for (const char* name : {"queue", "fired", "skipped", "missed", "last_job", "on_missed", "most_missed", "grace",
                           "on_overlap", "jitter", "start", "end", "params", "priority", "unique_key", "max_attempts",
                           "timeout", "retention", "headers", "key"}) {
    columns.push_back({name, Column::left, rest});
  }
  return columns;
}

std::vector<Value> schedule_row(const ScheduleState& state) {
  const Schedule& schedule = state.schedule;
  const EnqueueOptions& options = schedule.job.options;
  std::vector<Value> row{schedule.name,
          schedule.rule,
          schedule.zone,
          schedule.job.kind,
          state.paused,
          state.next,
          state.last_tick,
          value_or_nothing(state.trouble, !state.trouble.empty()),
          options.queue,
          state.fired,
          state.skipped,
          state.missed,
          state.last_job ? Value(state.last_job->to_string()) : Value(),
          to_string(schedule.missed),
          schedule.most_missed,
          schedule.grace,
          to_string(schedule.overlap),
          schedule.jitter,
          std::optional<TimePoint>(schedule.start),
          std::optional<TimePoint>(schedule.end),
          Value::Json{schedule.job.params},
          options.priority,
          options.unique_key,
          options.max_attempts,
          value_or_nothing(options.timeout, options.timeout > Duration::zero()),
          options.retention,
          headers_value(options.headers),
          options.key};
  if (schedule.rule.empty()) {  // it cannot be read: what was set is not known
    const std::vector<Column> columns = schedule_columns(true);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool stands = std::ranges::find(standing, std::string_view(columns[i].name)) != standing.end();
      if (!stands) row[i] = Value();
    }
  }
  return row;
}

std::vector<Column> tick_columns() {
  return {{"local", Column::left, Column::whole}, {"at"}};
}

std::vector<Value> tick_row(const Tick& tick) { return {local_time(tick), tick.at}; }

ScheduleState existing_schedule(const Schedules& schedules, const std::string& name) {
  std::optional<ScheduleState> found = schedules.find(name);
  if (!found) throw Exit(ExitCode::not_found, "there is no schedule " + schedule_name(name));
  return *std::move(found);
}

std::vector<std::string> words_of_missed() { return words(all_missed); }
std::vector<std::string> words_of_overlap() { return words(all_overlap); }
Missed missed_of(std::string_view word) { return value_of(all_missed, word); }
Overlap overlap_of(std::string_view word) { return value_of(all_overlap, word); }

}  // namespace sqlq::tool
