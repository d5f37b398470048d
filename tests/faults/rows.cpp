#include "rows.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <stdexcept>

namespace sqlq::faults {
namespace {

template <class Number>
Number number(const std::string& text) {
  Number n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) throw std::runtime_error("no number: " + text);
  return n;
}

std::uint64_t hash_or_none(const std::string& text) { return text.empty() ? 0 : hash_of(text); }

/// The number a text ends with; 0 when it does not.
std::int32_t last_number(std::string_view text) {
  const auto digits = text.size() - (text.find_last_not_of("0123456789") + 1);
  std::int32_t n = 0;
  std::from_chars(text.data() + text.size() - digits, text.data() + text.size(), n);
  return n;
}

/// The text of a header of a job, whose headers are a JSON object of strings without escapes; empty: it has none.
std::string header(const std::string& headers, const std::string& name) {
  const std::string before = '"' + name + "\":\"";
  const auto at = headers.find(before);
  if (at == std::string::npos) return {};
  const auto from = at + before.size();
  return headers.substr(from, headers.find('"', from) - from);
}

/// "2026-11-30T02:30:00+01:00", or with up to six digits behind a point.
std::int64_t microseconds(const std::string& time) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, end = 0, hours = 0, minutes = 0;
  if (std::sscanf(time.c_str(), "%d-%d-%dT%d:%d:%d%n", &year, &month, &day, &hour, &minute, &second, &end) != 6) {
    throw std::runtime_error("no time: " + time);
  }
  std::string rest = time.substr(static_cast<std::size_t>(end));
  std::int64_t micros = 0;
  if (rest.starts_with('.')) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789", 1), rest.size()) - 1;
    micros = std::stoll((rest.substr(1, digits) + "000000").substr(0, 6));
    rest.erase(0, digits + 1);
  }
  char sign = 0;
  if (std::sscanf(rest.c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3 || (sign != '+' && sign != '-')) {
    throw std::runtime_error("no offset: " + time);
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const std::int64_t seconds = ((std::chrono::sys_days(date).time_since_epoch().count() * 24LL + hour) * 60 + minute) *
                                   60 + second;
  const std::int64_t offset = (hours * 60LL + minutes) * 60 * (sign == '-' ? -1 : 1);
  return (seconds - offset) * 1'000'000 + micros;
}

std::optional<Tick> tick_of(const std::string& headers) {
  const std::string schedule = header(headers, "sqlq-schedule");
  if (schedule.empty()) return {};
  return Tick{schedule, microseconds(header(headers, "sqlq-tick"))};
}

Row read_job(const Texts& t) {
  return {.id = parse_id(t.at(0)),
          .state = static_cast<State>(number<int>(t.at(1))),
          .queue = queue_number(t.at(2)),
          .priority = number<int>(t.at(3)),
          .attempt = number<std::int32_t>(t.at(4)),
          .max_attempts = number<std::int32_t>(t.at(5)),
          .crashes = number<std::int32_t>(t.at(6)),
          .max_crashes = number<std::int32_t>(t.at(7)),
          .claims = number<std::int32_t>(t.at(8)),
          .token = number<std::int64_t>(t.at(9)),
          .unique_key = hash_or_none(t.at(10)),
          .result = hash_or_none(t.at(11)),
          .key = hash_or_none(header(t.at(12), "sqlq-key")),
          .tick = tick_of(t.at(12))};
}

}  // namespace

std::int32_t pid_of_worker(std::string_view name) {
  const auto last = name.rfind(':');
  if (last != std::string_view::npos) name = name.substr(0, last);
  return last_number(name);
}

std::vector<Row> read_rows(const Ask& ask, const RowQueries& queries) {
  std::vector<Row> rows;
  std::map<Id, std::size_t> places;
  ask(queries.jobs, [&](const Texts& t) {
    rows.push_back(read_job(t));
    places[rows.back().id] = rows.size() - 1;
  });
  const auto of = [&](const std::string& id) -> Row& { return rows[places.at(parse_id(id))]; };
  ask(queries.history, [&](const Texts& t) {
    of(t.at(0)).history.push_back({.claim = number<std::int32_t>(t.at(1)),
                                   .attempt = number<std::int32_t>(t.at(2)),
                                   .reason = static_cast<Reason>(number<int>(t.at(3))),
                                   .pid = pid_of_worker(t.at(4)),
                                   .at_us = number<std::int64_t>(t.at(5))});
  });
  ask(queries.logs, [&](const Texts& t) {
    const auto writer = last_number(t.at(2));
    if (writer != 0) of(t.at(0)).log.push_back({.claim = number<std::int32_t>(t.at(1)), .writer = writer});
  });
  ask(queries.steps, [&](const Texts& t) {
    of(t.at(0)).steps.push_back({.step = step_number(t.at(1), number<std::int64_t>(t.at(2))),
                                 .value = hash_of(t.at(3)),
                                 .is = static_cast<StepIs>(number<int>(t.at(4))),
                                 .claim = number<std::int32_t>(t.at(5))});
  });
  return rows;
}

}  // namespace sqlq::faults
