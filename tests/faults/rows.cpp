#include "rows.hpp"

#include <charconv>
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
          .result = hash_or_none(t.at(11))};
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
  return rows;
}

}  // namespace sqlq::faults
