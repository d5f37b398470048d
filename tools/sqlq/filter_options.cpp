#include "filter_options.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <optional>

#include "text.hpp"

namespace sqlq::tool {

namespace {

constexpr std::string_view states_of_jobs =
    "pending, scheduled, waiting, running, cancelling, success, errored, cancelled";

[[noreturn]] void refuse(std::string_view what, std::string_view text, std::string_view wanted) {
  throw Exit(ExitCode::usage,
             std::string(what) + ": '" + printable(text) + "' cannot be read; " + std::string(wanted));
}

std::string escaped_commas(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',') out += '\\';
    out += c;
  }
  return out;
}

TimePoint read_edge(const std::string& text, std::string_view what, TimePoint now) {
  if (const auto age = parse_duration(text)) return saturating_add(now, -*age);
  if (const auto at = parse_time(text, now)) return *at;
  refuse(what, text, "an age such as 90s, 2h or 7d, or a time such as 2026-11-29T16:20:00Z, is needed");
}

int read_priority(std::string_view text, std::string_view whole) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    refuse("--priority", whole, "a number, or a range such as 1..9, 5.. or ..0, is needed");
  }
  return value;
}

}  // namespace

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == ',') {
      parts.back() += text[++i];
    } else if (text[i] == ',') {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  return parts;
}

std::vector<std::string> split_commas(const std::vector<std::string>& given) {
  std::vector<std::string> all;
  for (const std::string& text : given) {
    for (std::string& part : split_commas(text)) all.push_back(std::move(part));
  }
  return all;
}

std::string shell_word(std::string_view word) {
  constexpr std::string_view plain = "_./:@%+=,-";
  const auto harmless = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || plain.find(c) != plain.npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), harmless)) return std::string(word);
  std::string out = printable(word) == word ? "'" : "$'";
  for (const char c : word) {
    if (out[0] == '\'') {
      out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    } else if (c == '\\' || c == '\'') {
      out += '\\';
      out += c;
    } else if (c >= ' ' && c < 127) {
      out += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape;
    }
  }
  return out + "'";
}

JobId read_id(std::string_view text, std::string_view what) {
  if (const auto id = JobId::parse(text)) return *id;
  refuse(what, text, "an id is 36 characters long, such as 019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47");
}

Duration read_duration(std::string_view text, std::string_view what) {
  const auto time = parse_duration(text);
  if (!time || *time < Duration::zero()) refuse(what, text, "a duration such as 250ms, 90s, 1h30m or 7d is needed");
  return *time;
}

JobFilter FilterOptions::filter(TimePoint now) const {
  JobFilter filter;
  for (const std::string& id : split_commas(arguments)) filter.ids.push_back(read_id(id, "the argument"));
  for (const std::string& id : split_commas(ids)) filter.ids.push_back(read_id(id, "--id"));
  filter.queues = split_commas(queues);
  filter.kinds = split_commas(kinds);
  for (const std::string& name : split_commas(states)) {
    const JobState state = parse_job_state(name);
    if (state == JobState::invalid) refuse("--state", name, "the states are " + std::string(states_of_jobs));
    filter.states.push_back(state);
  }
  filter.unique_key = key;
  if (!older.empty()) filter.created_before = read_edge(older, "--older", now);
  if (!newer.empty()) filter.created_from = read_edge(newer, "--newer", now);
  filter.error = error;
  if (priority.empty()) return filter;
  const std::size_t dots = priority.find("..");
  const std::string_view whole = priority;
  if (dots == std::string::npos) {
    filter.lowest_priority = filter.highest_priority = read_priority(whole, whole);
    return filter;
  }
  const std::string_view first = whole.substr(0, dots);
  const std::string_view last = whole.substr(dots + 2);
  if (!first.empty() || last.empty()) filter.lowest_priority = read_priority(first, whole);
  if (!last.empty()) filter.highest_priority = read_priority(last, whole);
  return filter;
}

bool FilterOptions::empty() const { return arguments.empty() && ids.empty() && only_ids(); }

bool FilterOptions::only_ids() const {
  return queues.empty() && kinds.empty() && states.empty() && key.empty() && older.empty() && newer.empty() &&
         error.empty() && priority.empty();
}

std::string FilterOptions::words(OptionalTime now) const {
  std::string line;
  const auto add = [&line](std::string_view option, const std::string& value) {
    if (!line.empty()) line += ' ';
    // A value that begins with '-' is no option when it stands behind '='.
    line.append(option).append(value.starts_with('-') ? "=" : " ").append(shell_word(value));
  };
  const auto add_each = [&](std::string_view option, const std::vector<std::string>& values) {
    for (const std::string& value : split_commas(values)) add(option, escaped_commas(value));
  };
  const auto add_edge = [&](std::string_view option, const std::string& value) {
    if (!value.empty()) add(option, now ? utc(read_edge(value, option, *now)) : value);
  };
  add_each("--id", arguments);
  add_each("--id", ids);
  add_each("--queue", queues);
  add_each("--kind", kinds);
  add_each("--state", states);
  if (!key.empty()) add("--key", key);
  add_edge("--older", older);
  add_edge("--newer", newer);
  if (!error.empty()) add("--error", error);
  if (!priority.empty()) add("--priority", priority);
  return line;
}

std::shared_ptr<FilterOptions> add_filter_options(CLI::App& command, bool ids_as_arguments) {
  auto options = std::make_shared<FilterOptions>();
  const auto list = [&command](const std::string& name, std::vector<std::string>& values, const std::string& what) {
    command.add_option(name, values, what)->allow_extra_args(false)->group("Filter");
  };
  const auto one = [&command](const std::string& name, std::string& value, const std::string& what) {
    command.add_option(name, value, what)->group("Filter");
  };
  if (ids_as_arguments) command.add_option("ids", options->arguments, "These jobs");
  list("--id", options->ids, "These jobs");
  list("--queue", options->queues, "Jobs of these queues (several times, or with commas; \\, is a comma of a name)");
  list("--kind", options->kinds, "Jobs of these kinds");
  list("--state", options->states, "Jobs in these states: " + std::string(states_of_jobs));
  one("--key,--unique-key", options->key, "Jobs with this unique key (not the key of limits)");
  one("--older", options->older, "Jobs made before: an age (7d) or a time");
  one("--newer", options->newer, "Jobs made since: an age (7d) or a time");
  one("--error", options->error, "Jobs whose last error contains this text");
  one("--priority", options->priority, "Jobs of this priority, or of a range (1..9)");
  command.preparse_callback([options](std::size_t) {});  // keeps the values for as long as the options refer to them
  return options;
}

}  // namespace sqlq::tool
