#include "transferred.hpp"

#include <sstream>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

template <class Time>
std::string shown(const std::optional<Time>& value) {
  if (!value) return "none";
  if constexpr (std::is_same_v<Time, TimePoint>) {
    return std::to_string(value->time_since_epoch().count());
  } else {
    return std::to_string(value->count());
  }
}
std::string shown(TimePoint value) { return shown(std::optional(value)); }

}  // namespace

backend::StoredJob travelled(JobState state, TimePoint now, const std::string& queue) {
  const JobId id = JobId::make(now - 48h);
  backend::StoredJob stored;
  Job& job = stored.job;
  job.id = id;
  job.queue = queue;
  job.kind = "k\xC3\xAFnd";
  job.state = state;
  job.priority = -2147483647 - 1;
  job.params = R"({ "a" : [1.0, "\u00e9', ; -- \\", null]  })";
  job.result = R"({"half":"\uD83D\uDE00"})";
  job.unique_key = "key of " + id.to_string();
  job.attempt = 3;
  job.max_attempts = 5;
  job.crashes = 1;
  job.max_crashes = 9;
  job.claims = 7;
  job.worker = std::string(254, 'w') + "'";
  job.keepalive = 77s;
  job.timeout = 1us;
  job.retention = 2h;
  job.created_at = now - 48h + 1us;
  job.queued_at = now - 24h + 2us;
  job.run_at = state == JobState::scheduled ? now + 1h + 3us : now - 23h + 3us;
  job.started_at = now - 22h + 4us;
  job.heartbeat_at = now - 21h + 5us;
  if (is_finished(state)) job.finished_at = now - 1h + 6us;
  stored.history = {
      {.claim = 2, .attempt = 1, .cause = Cause::failed, .at = now - 40h, .worker = "", .message = "line 1\nline 2\t"},
      {.claim = 3, .attempt = 2, .cause = Cause::lease_ended, .at = now - 39h, .worker = "\xE2\x82\xAC"},
      {.claim = 5, .attempt = 2, .cause = Cause::snoozed, .at = now - 38h, .worker = job.worker},
      {.claim = 5, .attempt = 0, .cause = Cause::requeued, .at = now - 38h, .message = "'; --"}};
  for (const auto& [claim, number] : {std::pair{1, 1}, {1, 2}, {2, 1}, {7, 9}}) {
    stored.log.push_back({.job = id,
                          .claim = claim,
                          .attempt = 1,
                          .number = number,
                          .at = now - 41h + claim * 1s,
                          .level = static_cast<LogLevel>(1 + stored.log.size() % 4),
                          .text = "line\n" + std::to_string(number) + " \xF0\x9F\x98\x80"});
  }
  return stored;
}

backend::StoredJob equipped(backend::StoredJob stored, const backend::Capabilities& can) {
  if (can.headers) {
    stored.job.headers = {{"traceparent", "00-1-2"}, {"sqlq-tick", ""}, {"\xC3\xA9", "\xF0\x9F\x98\x80 '\"\\; --"}};
  }
  if (!can.steps) return stored;
  const TimePoint at = stored.job.created_at;
  stored.steps = {
      {.kind = StepKind::result, .name = "row", .number = 9, .claim = 3, .at = at, .value = R"({ "n" : 1.0 })"},
      {.kind = StepKind::signal, .name = "approved", .at = at + 1s, .value = R"("\u00e9 ' \\")"},
      {.kind = StepKind::sleep, .name = "\xE2\x82\xAC '", .claim = 4, .at = at + 1s, .until = at + 24h},
      {.kind = StepKind::wait, .name = "approved", .claim = 5, .at = at + 2s, .until = at + 48h + 1us},
      {.kind = StepKind::result, .name = "row", .number = -9, .claim = 5, .at = at + 2s, .value = "null"},
      {.kind = StepKind::expired, .name = "seen", .number = 1, .claim = 5, .at = at + 2s},
      {.kind = StepKind::decision, .name = "rule", .claim = 7, .at = at + 2s, .value = "true"},
      {.kind = StepKind::children, .name = "parts", .claim = 7, .at = at + 1s, .value = "[]"}};
  return stored;
}

backend::StoredJob plain(TimePoint now, const std::string& queue) {
  backend::StoredJob stored;
  Job& job = stored.job;
  job.id = JobId::make(now);
  job.queue = queue;
  job.kind = "work";
  job.state = JobState::pending;
  job.params = "null";
  job.keepalive = 30s;
  job.created_at = job.queued_at = job.run_at = now;
  return stored;
}

std::string shown(const backend::StoredJob& stored) {
  const Job& job = stored.job;
  std::ostringstream text;
  text << "id " << job.id.to_string() << "\nqueue " << job.queue << "\nkind " << job.kind << "\nstate "
       << to_string(job.state) << "\npriority " << job.priority << "\nparams " << job.params << "\nresult "
       << job.result << "\nkey " << job.unique_key << "\nattempt " << job.attempt << " of " << job.max_attempts
       << "\ncrashes " << job.crashes << " of " << job.max_crashes << "\nclaims " << job.claims << "\nworker "
       << job.worker << "\nkeepalive " << job.keepalive.count() << "\ntimeout " << job.timeout.count()
       << "\nretention " << shown(job.retention) << "\ncreated " << shown(job.created_at) << "\nqueued "
       << shown(job.queued_at) << "\nrun_at " << shown(job.run_at) << "\nstarted " << shown(job.started_at)
       << "\nheartbeat " << shown(job.heartbeat_at) << "\nfinished " << shown(job.finished_at) << "\n";
  for (const AttemptRecord& line : stored.history) {
    text << "history " << line.claim << " " << line.attempt << " " << to_string(line.cause) << " " << shown(line.at)
         << " <" << line.worker << "> <" << line.message << ">\n";
  }
  for (const LogLine& line : stored.log) {
    text << "log " << line.claim << " " << line.number << " " << line.attempt << " " << shown(line.at) << " "
         << to_string(line.level) << " <" << line.text << ">\n";
  }
  for (const auto& [name, value] : job.headers) text << "header <" << name << "> <" << value << ">\n";
  for (const StepRecord& step : stored.steps) {
    text << "step " << to_string(step.kind) << " <" << step.name << "> " << step.number << " " << step.claim << " "
         << shown(step.at) << " " << shown(step.until) << " <" << step.value << ">\n";
  }
  return text.str();
}

std::string shown(const std::vector<backend::StoredJob>& jobs) {
  std::string all;
  for (const backend::StoredJob& stored : jobs) all += shown(stored) + "\n";
  return all;
}

}  // namespace sqlq::conformance
