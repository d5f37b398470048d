#include "enqueue_line.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include <sqlq/error.hpp>

#include "text.hpp"

namespace sqlq::tool {

namespace {

constexpr std::string_view white = " \t\r\n";
constexpr std::string_view known_fields =
    "kind, params, queue, priority, run_at, delay, unique_key, key, max_attempts, max_crashes, keepalive, retention, "
    "timeout, id, headers";

[[noreturn]] void refuse(std::string_view what, std::string_view why) {
  throw Error(Errc::invalid_argument, std::string(what) + " " + std::string(why));
}

/// Where the value that begins at `at` ends. The text is JSON.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

std::size_t end_of_value(std::string_view text, std::size_t at) {
  if (text[at] == '"') return end_of_string(text, at);
  if (text[at] != '{' && text[at] != '[') return text.find_first_of(" \t\r\n,]}", at);
  std::size_t depth = 0;
  do {
    if (text[at] == '"') {
      at = end_of_string(text, at);
      continue;
    }
    if (text[at] == '{' || text[at] == '[') ++depth;
    if (text[at] == '}' || text[at] == ']') --depth;
    ++at;
  } while (depth > 0);
  return at;
}

std::string string_of(std::string_view json, std::string_view what) {
  if (json.front() != '"') refuse(what, "must be a string");
  return nlohmann::json::parse(json).get<std::string>();
}

Headers headers_of(std::string_view json) {
  constexpr std::string_view wanted = "must be an object of strings, such as {\"name\": \"value\"}";
  if (json.front() != '{') refuse("headers", wanted);
  Headers headers;
  for (const auto& [name, value] : members_of(json)) {
    if (value.front() != '"') refuse("headers", wanted);
    if (!headers.emplace(name, string_of(value, "headers")).second) refuse("headers", "has a name twice");
  }
  return headers;
}

template <class Number>
Number number_of(std::string_view json, std::string_view what) {
  Number value{};
  const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
  if (error != std::errc{} || end != json.data() + json.size()) refuse(what, "must be a whole number, of 32 bits");
  return value;
}

TimePoint time_of(std::string_view json, std::string_view what, TimePoint now) {
  if (json.front() == '"') {
    if (const auto at = parse_time(string_of(json, what), now)) return *at;
  } else if (json.front() == '-' || (json.front() >= '0' && json.front() <= '9')) {
    return saturating_add(TimePoint{}, duration_of(json, what));
  }
  refuse(what, "must be a time such as \"2026-11-29T16:20:00Z\" or a number of seconds since 1970");
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(white);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(white) + 1 - first);
}

std::vector<std::pair<std::string, std::string_view>> members_of(std::string_view text) {
  text = trimmed(text);
  check_json(text, PayloadLimits{.max_bytes = std::max<std::size_t>(text.size(), 1), .max_depth = 1000}, "it");
  if (text.front() != '{') refuse("it", "is no JSON object, such as {\"kind\":\"mail\",\"params\":{}}");
  std::vector<std::pair<std::string, std::string_view>> members;
  std::size_t at = 0;
  for (;;) {
    at = text.find_first_of("\"}", at + 1);  // behind '{' or ','
    if (text[at] == '}') return members;
    const std::size_t name_end = end_of_string(text, at);
    std::string name = nlohmann::json::parse(text.substr(at, name_end - at)).get<std::string>();
    at = text.find_first_not_of(white, text.find(':', name_end) + 1);
    const std::size_t end = end_of_value(text, at);
    members.emplace_back(std::move(name), text.substr(at, end - at));
    at = text.find_first_of(",}", end);
    if (text[at] == '}') return members;
  }
}

Duration duration_of(std::string_view json, std::string_view what) {
  constexpr std::string_view wanted = "must be a number of seconds or a string such as \"10m\"";
  if (json.front() == '"') {
    const auto time = parse_duration(string_of(json, what));
    if (!time) refuse(what, wanted);
    return *time;
  }
  double seconds = 0;
  const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), seconds);
  if (error != std::errc{} || end != json.data() + json.size()) refuse(what, wanted);
  constexpr double most = 9e12;  // a Duration has 2^63 microseconds
  if (seconds >= most) return Duration::max();
  if (seconds <= -most) return Duration::min();
  return Duration(std::llround(seconds * 1e6));
}

Duration retention_of(std::string_view text) {
  if (text == "unlimited") return unlimited_retention;
  const auto time = parse_duration(text);
  if (!time) refuse("retention", "must be a duration such as 90s or 7d, or unlimited");
  return *time;
}

NewJob read_job(std::string_view line, const EnqueueOptions& defaults, TimePoint now) {
  NewJob job{.kind = {}, .params = "{}", .options = defaults};
  EnqueueOptions& options = job.options;
  std::set<std::string> seen;
  const auto members = members_of(line);
  for (const auto& [name, json] : members) {
    if (!seen.insert(name).second) refuse("the field '" + name + "'", "is there twice");
    if (name == "params") {
      job.params = json;
    } else if (json == "null") {
      // As if it were not there.
    } else if (name == "kind") {
      job.kind = string_of(json, name);
    } else if (name == "queue") {
      options.queue = string_of(json, name);
    } else if (name == "priority") {
      options.priority = number_of<int>(json, name);
    } else if (name == "max_attempts") {
      options.max_attempts = number_of<int>(json, name);
    } else if (name == "max_crashes") {
      options.max_crashes = number_of<int>(json, name);
    } else if (name == "delay") {
      options.delay = duration_of(json, name);
      if (!seen.contains("run_at")) options.run_at = {};
    } else if (name == "run_at") {
      options.run_at = time_of(json, name, now);
      if (!seen.contains("delay")) options.delay = {};
    } else if (name == "unique_key") {
      options.unique_key = string_of(json, name);
    } else if (name == "key") {
      options.key = string_of(json, name);
    } else if (name == "keepalive") {
      options.keepalive = duration_of(json, name);
    } else if (name == "timeout") {
      options.timeout = duration_of(json, name);
    } else if (name == "retention") {
      options.retention = json.front() == '"' ? retention_of(string_of(json, name)) : duration_of(json, name);
    } else if (name == "id") {
      options.id = JobId::parse(string_of(json, name));
      if (!options.id) refuse(name, "must be a UUID");
    } else if (name == "headers") {
      options.headers = headers_of(json);
    } else {
      refuse("the field '" + printable(name) + "'", "is unknown; there are " + std::string(known_fields));
    }
  }
  if (job.kind.empty()) refuse("the field 'kind'", "is missing or empty");
  return job;
}

bool next_line(std::istream& in, std::string& line) {
  constexpr std::size_t most = std::size_t{16} << 20;
  line.clear();
  std::streambuf& source = *in.rdbuf();
  for (;;) {
    const int c = source.sbumpc();
    if (c == std::char_traits<char>::eof()) {
      in.setstate(std::ios::eofbit);
      return !line.empty();
    }
    if (c == '\n') return true;
    if (line.size() == most) refuse("it", "is longer than 16 MiB");
    line += static_cast<char>(c);
  }
}

std::optional<std::pair<std::size_t, std::string>> place_of(std::string_view message) {
  constexpr std::string_view begin = "job ";
  if (!message.starts_with(begin)) return std::nullopt;
  std::size_t number = 0;
  const char* const end = message.data() + message.size();
  const auto [rest, error] = std::from_chars(message.data() + begin.size(), end, number);
  const std::size_t colon = message.find(": ");
  const bool of = std::string_view(rest, end).starts_with(" of ");
  if (error != std::errc{} || number == 0 || colon == message.npos || !of) {
    return std::nullopt;
  }
  return std::pair(number - 1, std::string(message.substr(colon + 2)));
}

}  // namespace sqlq::tool
