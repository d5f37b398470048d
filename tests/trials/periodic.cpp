#include "trials/operations.hpp"

#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace sqlq::trials {
namespace ticks {
namespace {

using namespace std::chrono_literals;
using backend::Dialect;
using backend::PeriodicChange;
using backend::PeriodicRow;

const TimePoint due = TimePoint(std::chrono::hours(500'000));
const backend::Now soon = Instant{.wall = due + 1min, .steady = SteadyPoint(1000h) + 1min};
const std::string definition = std::string("\"") + canary + "\"";

JobId tick(std::uint8_t n) { return JobId({0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 1, n}); }

backend::EnqueueItem job(std::uint8_t n) {
  return {.id = tick(n), .queue = "mail", .kind = "tick", .params = definition, .keepalive = 30s};
}

std::string text(const PeriodicRow& row) {
  return row.name + ' ' + (row.next ? std::to_string((*row.next - due).count()) : "-") + ' ' + row.definition + ' ' +
         row.state + '\n';
}
std::string text(const std::vector<PeriodicRow>& rows) {
  std::string all;
  for (const PeriodicRow& row : rows) all += text(row);
  return all;
}

PeriodicChange to(std::string_view name, std::int64_t expected, std::string_view state) {
  return {.name = name, .expected = expected, .next = due + 1h, .definition = definition, .state = state};
}

/// Two that are due, and one that never is. The versions are those of the last scene.
using Versions = std::array<std::int64_t, 3>;
const std::vector<std::string> names{"daily", "hourly", "paused"};

void three_rows(Dialect& d, Versions& versions) {
  std::vector<PeriodicChange> rows;
  for (const std::string& name : names) rows.push_back(to(name, 0, "0"));
  rows[0].next = rows[1].next = due;
  rows[2].next.reset();
  d.periodic()->periodic_change(rows, soon);
  const auto found = d.periodic()->periodic_get(names);
  for (std::size_t i = 0; i < names.size(); ++i) versions.at(i) = found[i].value().version;
}

/// Two ticks with their jobs, a row that is removed and one that is new.
std::string change(Dialect& d, const Versions& versions) {
  const std::array jobs{job(1), job(2), job(3)};
  std::vector<PeriodicChange> rows{to("hourly", versions[1], "1"), to("daily", versions[0], "1"),
                                   to("paused", versions[2], "1"), to("new", 0, "1")};
  rows[0].jobs = std::span(jobs).first(2);
  rows[1].jobs = std::span(jobs).last(1);
  rows[2].remove = true;
  std::string answers;
  for (const auto& outcome : d.periodic()->periodic_change(rows, soon)) {
    answers += outcome.applied ? "applied" : "other";
    for (const Enqueued& e : outcome.jobs) answers += e.inserted() ? " inserted" : " there";
    answers += '\n';
  }
  return answers;
}

std::vector<Operation> operations() {
  const auto versions = std::make_shared<Versions>();
  const auto scene = [versions](Dialect& d) { three_rows(d, *versions); };
  return {{.name = "periodic_change", .prepare = scene, .run = [versions](Dialect& d) { return change(d, *versions); }},
          {.name = "periodic_due", .prepare = scene,
           .run = [](Dialect& d) { return text(d.periodic()->periodic_due(10, soon).rows); }},
          {.name = "periodic_list", .prepare = scene,
           .run = [](Dialect& d) { return text(d.periodic()->periodic_list("daily", 10)); }},
          {.name = "periodic_get", .prepare = scene, .run = [](Dialect& d) {
             std::string all;
             for (const auto& row : d.periodic()->periodic_get(names)) all += row ? text(*row) : "none\n";
             return all;
           }}};
}

}  // namespace
}  // namespace ticks

std::vector<Operation> periodic_operations() { return ticks::operations(); }

std::string periodic_picture(backend::Dialect& d) { return ticks::text(d.periodic()->periodic_list({}, 1000)); }

void clear_periodic(backend::Dialect& d) {
  const std::vector<backend::PeriodicRow> rows = d.periodic()->periodic_list({}, 1000);
  std::vector<backend::PeriodicChange> changes;
  for (const auto& row : rows) changes.push_back({.name = row.name, .expected = row.version, .remove = true});
  d.periodic()->periodic_change(changes, ticks::soon);
}

}  // namespace sqlq::trials
