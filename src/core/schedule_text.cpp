#include "core/schedule_text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/checks.hpp"
#include "core/enqueue_items.hpp"
#include "core/headers.hpp"
#include "core/retention.hpp"
#include "core/tick_text.hpp"
#include "core/words.hpp"

namespace sqlq::core {
namespace {

using nlohmann::json;

// A program that knows no keys of jobs must not fire the schedule of one.
constexpr int definition_version = 2;
constexpr int definition_version_without_key = 1;
constexpr int state_version = 1;
constexpr PayloadLimits any_size{.max_bytes = std::numeric_limits<std::size_t>::max(),
                                 .max_depth = std::numeric_limits<int>::max()};
constexpr std::array state_fields{"v",         "paused",   "anchor_us", "due_us",  "next_us", "owed_us", "past_us",
                                  "last_tick_us", "last_job", "fired",     "skipped", "missed",  "trouble"};

std::int64_t us(TimePoint at) { return at.time_since_epoch().count(); }
TimePoint time_of(const json& value) { return TimePoint(Duration(value.get<std::int64_t>())); }

template <class Value, class Convert>
void put(json& object, const char* field, const std::optional<Value>& value, Convert convert) {
  if (value) object[field] = convert(*value);
}

std::optional<TimePoint> time_in(const json& object, const char* field) {
  const auto at = object.find(field);
  return at == object.end() ? std::nullopt : std::optional(time_of(*at));
}

json parse_object(const std::string& name, std::string_view text, const char* what, int newest) {
  json object = json::parse(text.begin(), text.end(), nullptr, false);
  if (!object.is_object()) throw UnreadableSchedule(name, std::string("the ") + what + " is no JSON object", false);
  const auto version = object.find("v");
  if (version == object.end() || !version->is_number_integer()) {
    throw UnreadableSchedule(name, std::string("the ") + what + " has no version", false);
  }
  if (version->get<std::int64_t>() > newest) {
    throw UnreadableSchedule(name, std::string("the ") + what + " was written by a newer program", true);
  }
  return object;
}

/// `read` throws an exception of nlohmann or Error for fields that are missing or wrong.
template <class Read>
auto read_fields(const std::string& name, const char* what, Read read) {
  try {
    return read();
  } catch (const json::exception&) {  // its message may quote the row
    throw UnreadableSchedule(name, std::string("a field of the ") + what + " is missing or has another type", false);
  } catch (const Error& e) {
    throw UnreadableSchedule(name, std::string("the ") + what + " is wrong: " + e.what(), false);
  }
}

json json_of(const NewJob& job) {
  const EnqueueOptions& o = job.options;
  json out{{"kind", job.kind}, {"params", job.params}, {"priority", o.priority}, {"timeout_us", o.timeout.count()}};
  const auto same = [](const auto& value) { return value; };
  const auto micros = [](Duration value) { return value.count(); };
  put(out, "queue", o.queue, same);
  put(out, "max_attempts", o.max_attempts, same);
  put(out, "max_crashes", o.max_crashes, same);
  put(out, "keepalive_us", o.keepalive, micros);
  put(out, "retention_us", o.retention, micros);
  put(out, "unique_key", o.unique_key, same);
  put(out, "key", o.key, same);
  if (!o.headers.empty()) out["headers"] = o.headers;
  return out;
}

NewJob read_job(const json& in) {
  NewJob job{in.at("kind").get<std::string>(), in.at("params").get<std::string>(), {}};
  EnqueueOptions& o = job.options;
  o.priority = in.at("priority").get<int>();
  o.timeout = Duration(in.at("timeout_us").get<std::int64_t>());
  o.queue = in.at("queue").get<std::string>();
  o.max_attempts = in.at("max_attempts").get<int>();
  o.max_crashes = in.at("max_crashes").get<int>();
  o.keepalive = Duration(in.at("keepalive_us").get<std::int64_t>());
  if (const auto at = in.find("retention_us"); at != in.end()) o.retention = Duration(at->get<std::int64_t>());
  if (const auto at = in.find("unique_key"); at != in.end()) o.unique_key = at->get<std::string>();
  if (const auto at = in.find("key"); at != in.end()) o.key = at->get<std::string>();
  if (const auto at = in.find("headers"); at != in.end()) o.headers = at->get<Headers>();
  return job;
}

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what); }

/// All but the rule, and how large the params may be: that is a program's own.
void check_fields(const Schedule& s) {
  using std::chrono::hours;
  using std::chrono::seconds;
  check_name(s.name, "the name of the schedule");
  check_name(s.zone, "the zone");
  check_name(s.job.kind, "the kind");
  check_options(s.job.options);
  if (s.job.options.delay != Duration::zero() || s.job.options.run_at) {
    refuse("the job of a schedule must have neither delay nor run_at: its ticks say when it runs");
  }
  if (s.job.options.id) refuse("the job of a schedule must have no id: each tick's job gets one of its own");
  if (s.missed < Missed::one || s.missed > Missed::all) refuse("missed has a value that is not known");
  if (s.overlap < Overlap::skip || s.overlap > Overlap::cancel_old) refuse("overlap has a value that is not known");
  check_range(s.most_missed, 1, 10'000, "most_missed");
  if (s.grace < seconds(1) || s.grace > hours(24 * 365)) refuse("grace must be 1 s to 365 days");
  if (s.jitter < Duration::zero() || s.jitter > hours(24)) refuse("jitter must be 0 to 24 h");
  if (s.start && s.end && *s.end < *s.start) refuse("end is before start: the schedule would never fire");
}

}  // namespace

UnreadableSchedule::UnreadableSchedule(const std::string& name, const std::string& why, bool newer)
    : Error(Errc::schema, "the schedule " + core::quoted(name) + " cannot be read: " + why +
                              (newer ? "; use a newer sqlq" : "; sync it again, or remove it")),
      why_(why),
      newer_(newer) {}

Schedule resolved(const Schedule& schedule, const ClientOptions& defaults) {
  Schedule full = schedule;
  EnqueueOptions& o = full.job.options;
  if (!o.queue) o.queue = defaults.queue;
  if (!o.max_attempts) o.max_attempts = defaults.max_attempts;
  if (!o.max_crashes) o.max_crashes = defaults.max_crashes;
  if (!o.keepalive) o.keepalive = defaults.keepalive;
  if (!o.retention) o.retention = defaults.retention;
  if (o.retention) o.retention = std::min(*o.retention, longest_retention);
  return full;
}

std::string definition_of(const Schedule& s) {
  json out{{"v", s.job.options.key ? definition_version : definition_version_without_key},
           {"rule", s.rule},
           {"zone", s.zone},
           {"job", json_of(s.job)},
           {"missed", static_cast<int>(s.missed)},
           {"most_missed", s.most_missed},
           {"grace_us", s.grace.count()},
           {"overlap", static_cast<int>(s.overlap)},
           {"jitter_us", s.jitter.count()}};
  put(out, "start_us", std::optional<TimePoint>(s.start), us);
  put(out, "end_us", std::optional<TimePoint>(s.end), us);
  return out.dump();
}

std::string state_of(const Standing& s) {
  json out = s.others.empty() ? json::object() : json::parse(s.others);
  out["v"] = state_version;
  out["anchor_us"] = us(s.anchor);
  if (s.paused) out["paused"] = true;
  if (!s.due.empty()) {
    json& due = out["due_us"] = json::array();
    for (const TimePoint tick : s.due) due.push_back(us(tick));
  }
  put(out, "next_us", s.next, us);
  put(out, "owed_us", s.owed, us);
  put(out, "past_us", s.past, us);
  put(out, "last_tick_us", s.last_tick, us);
  put(out, "last_job", s.last_job, [](JobId id) { return id.to_string(); });
  out["fired"] = s.fired;
  out["skipped"] = s.skipped;
  out["missed"] = s.missed;
  if (!s.trouble.empty()) out["trouble"] = s.trouble;
  return out.dump();
}

Schedule read_definition(const std::string& name, std::string_view text) {
  const json in = parse_object(name, text, "definition", definition_version);
  return read_fields(name, "definition", [&] {
    Schedule s;
    s.name = name;
    s.rule = in.at("rule").get<std::string>();
    s.zone = in.at("zone").get<std::string>();
    s.job = read_job(in.at("job"));
    s.missed = static_cast<Missed>(std::clamp(in.at("missed").get<int>(), 0, 255));
    s.most_missed = in.at("most_missed").get<std::size_t>();
    s.grace = Duration(in.at("grace_us").get<std::int64_t>());
    s.overlap = static_cast<Overlap>(std::clamp(in.at("overlap").get<int>(), 0, 255));
    s.jitter = Duration(in.at("jitter_us").get<std::int64_t>());
    s.start = time_in(in, "start_us");
    s.end = time_in(in, "end_us");
    check_fields(s);
    check_json(s.job.params, any_size, "the params of its job");
    return s;
  });
}

Standing read_state(const std::string& name, std::string_view text) {
  json in = parse_object(name, text, "state", state_version);
  return read_fields(name, "state", [&] {
    Standing s;
    s.paused = in.value("paused", false);
    s.anchor = time_of(in.at("anchor_us"));
    for (const json& tick : in.value("due_us", json::array())) s.due.push_back(time_of(tick));
    std::ranges::sort(s.due);
    s.next = time_in(in, "next_us");
    s.owed = time_in(in, "owed_us");
    s.past = time_in(in, "past_us");
    s.last_tick = time_in(in, "last_tick_us");
    if (const auto at = in.find("last_job"); at != in.end()) s.last_job = JobId::parse(at->get<std::string>());
    s.fired = in.at("fired").get<std::uint64_t>();
    s.skipped = in.at("skipped").get<std::uint64_t>();
    s.missed = in.at("missed").get<std::uint64_t>();
    s.trouble = in.value("trouble", std::string());
    for (const char* field : state_fields) in.erase(field);
    if (!in.empty()) s.others = in.dump();
    return s;
  });
}

Standing rest_of_state(std::string_view text, TimePoint anchor) {
  Standing s{.anchor = anchor};
  const json in = json::parse(text.begin(), text.end(), nullptr, false);
  if (!in.is_object()) return s;
  const auto time = [&in](const char* field) -> std::optional<TimePoint> {
    const auto at = in.find(field);
    return at != in.end() && at->is_number_integer() ? std::optional(time_of(*at)) : std::nullopt;
  };
  const auto count = [&in](const char* field) -> std::uint64_t {
    const auto at = in.find(field);
    return at != in.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
  };
  const auto paused = in.find("paused");
  s.paused = paused != in.end() && *paused != json(false);
  s.anchor = time("anchor_us").value_or(anchor);
  s.past = time("past_us");
  s.last_tick = time("last_tick_us");
  s.fired = count("fired");
  s.skipped = count("skipped");
  s.missed = count("missed");
  return s;
}

ReadRow::ReadRow(const std::string& name, std::string_view definition, std::string_view state) {
  try {
    schedule = read_definition(name, definition);
  } catch (const UnreadableSchedule& e) {
    why.emplace(e);
  }
  try {
    standing = read_state(name, state);
  } catch (const UnreadableSchedule& e) {
    if (!why || (e.newer() && !why->newer())) why.emplace(e);
  }
}

void check_policies(const Schedule& schedule) {
  if (schedule.missed != Missed::all) return;
  if (schedule.overlap != Overlap::allow) {
    refuse("missed `all` needs overlap `allow`: with `" + std::string(to_string(schedule.overlap)) +
           "` the first of the missed ticks would fire and the others would find its job unfinished; allow the "
           "overlap, or let the latest one fire with missed `one`");
  }
  if (schedule.job.options.unique_key) {
    refuse("missed `all` needs a job without a unique key: the first of the missed ticks would fire and the others "
           "would find its job with the key; leave the key out, or let the latest one fire with missed `one`");
  }
}

void check_schedule(const Schedule& schedule, const PayloadLimits& limits) {
  check_fields(schedule);
  check_job(schedule.job, limits);
  check_policies(schedule);
}

std::string tick_headers(const Schedule& schedule, const Tick& tick) {
  Headers headers = stored_headers(schedule.job.options);
  headers["sqlq-schedule"] = schedule.name;
  headers["sqlq-tick"] = tick_text(tick);
  return headers_text(headers);
}

}  // namespace sqlq::core
