#include "sql/job_row.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#include <sqlq/error.hpp>

#include "core/headers.hpp"

namespace sqlq::sql {
namespace {

template <class Enum>
Enum read_enum(std::int64_t value, std::int64_t most, const char* what) {
  if (value < 1 || value > most) {
    throw Error(Errc::corrupt, std::string("a row has an unknown ") + what + " (" + std::to_string(value) +
                                   "): written by a newer library or changed by hand");
  }
  return static_cast<Enum>(value);
}

std::optional<TimePoint> maybe_wall(std::optional<std::int64_t> value) {
  return value ? std::optional(wall(*value)) : std::nullopt;
}

}  // namespace

JobId read_id(std::string_view text) {
  if (std::array<std::uint8_t, 16> id{}; text.size() == id.size()) {
    std::memcpy(id.data(), text.data(), id.size());
    return JobId(id);
  }
  if (const auto id = JobId::parse(text)) return *id;
  throw Error(Errc::corrupt, "a row has a job id that is not a UUID: the table was changed by hand");
}

Job read_job(Fields& f) {
  Job job;
  job.id = read_id(f.text());
  job.state = read_enum<JobState>(f.integer(), 8, "state");
  job.priority = static_cast<int>(f.integer());
  job.params = f.text();
  job.result = f.text();
  job.unique_key = f.maybe_text();
  job.attempt = static_cast<int>(f.integer());
  job.max_attempts = static_cast<int>(f.integer());
  job.crashes = static_cast<int>(f.integer());
  job.max_crashes = static_cast<int>(f.integer());
  job.claims = f.integer();
  job.lease_token = LeaseToken{f.integer()};
  job.worker = f.text();
  job.keepalive = Duration(f.integer());
  job.timeout = Duration(f.integer());
  if (const auto retention = f.maybe_integer()) job.retention = Duration(*retention);
  job.created_at = wall(f.integer());
  job.queued_at = wall(f.integer());
  job.run_at = wall(f.integer());
  job.started_at = maybe_wall(f.maybe_integer());
  job.heartbeat_at = maybe_wall(f.maybe_integer());
  job.finished_at = maybe_wall(f.maybe_integer());
  job.headers = core::read_headers(f.maybe_text());
  return job;
}

std::vector<Place> read_places(Session& session, const Statement& statement, std::int64_t lane,
                               std::initializer_list<Arg> args) {
  std::vector<Place> places;
  session.execute(statement, args, [&](const Row& row) {
    places.push_back({lane, row.integer(0), row.integer(1), row.integer(2)});
  });
  return places;
}

std::vector<Place> read_on(Session& session, const Statement& peek, std::int64_t lane, const Place& last,
                           std::int64_t n) {
  return read_places(session, peek, lane, {{"lane", lane}, {"priority", last.priority}, {"due", last.due},
                                           {"seq", last.seq}, {"n", n}});
}

AttemptRecord read_attempt(Fields f) {
  AttemptRecord record;
  record.claim = f.integer();
  record.attempt = static_cast<int>(f.integer());
  record.cause = read_enum<Cause>(f.integer(), 10, "cause");
  record.at = wall(f.integer());
  record.worker = f.text();
  record.message = f.text();
  return record;
}

StepRecord read_step_record(Fields f) {
  StepRecord step;
  step.kind = read_enum<StepKind>(f.integer(), 7, "kind of step");
  step.name = f.text();
  step.number = f.integer();
  step.claim = f.integer();
  step.at = wall(f.integer());
  step.until = maybe_wall(f.maybe_integer());
  step.value = f.text();
  return step;
}

StepRecord recorded_step(const backend::NewStep& step, std::int64_t claim, std::int64_t at) {
  StepRecord row{.kind = step.kind, .name = std::string(step.name), .number = step.number, .claim = claim,
                 .at = wall(at), .value = std::string(step.value)};
  if (step.delay) row.until = saturating_add(row.at, *step.delay);
  return row;
}

LogLine read_log_line(JobId job, Fields f) {
  LogLine line;
  line.job = job;
  line.token = LeaseToken{f.integer()};
  line.claim = f.integer();
  line.attempt = static_cast<int>(f.integer());
  line.number = f.integer();
  line.at = wall(f.integer());
  line.level = read_enum<LogLevel>(f.integer(), 4, "log level");
  line.text = f.text();
  return line;
}

Queue read_queue(Fields f) {
  Queue queue;
  queue.name = f.text();
  queue.description = f.text();
  if (const auto limit = f.maybe_integer()) queue.concurrency = static_cast<std::uint32_t>(*limit);
  queue.priority = static_cast<int>(f.integer());
  queue.paused = f.integer() != 0;
  queue.created_at = wall(f.integer());
  return queue;
}

}  // namespace sqlq::sql
