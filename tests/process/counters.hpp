#pragma once
/// \file
/// What the library counts, beside a recount of the rows, what its tables say twice, and what
/// schedules tell of themselves, for the checker.

#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "audit.hpp"
#include "faults/run.hpp"

namespace sqlq::process {

inline std::vector<faults::Counter> counters_of(const Database& db, Audit& audit,
                                                const std::vector<faults::Row>& rows) {
  std::vector<faults::Counter> counters = audit.contradictions();
  for (const auto& [state, count] : Admin{db}.counts({}, 1'000'000)) {
    const int number = static_cast<int>(state);
    std::int64_t recounted = 0;
    for (const faults::Row& row : rows) recounted += static_cast<int>(row.state) == number ? 1 : 0;
    counters.push_back({std::string(to_string(state)), static_cast<std::int64_t>(count.value), recounted});
  }
  return counters;
}

/// The schedules that have a start and a fixed interval, when they fire no more.
inline std::vector<faults::Series> series_of(const Database& db) {
  const Schedules schedules(db);
  const auto us = [](TimePoint time) { return static_cast<std::int64_t>(time.time_since_epoch().count()); };
  std::vector<faults::Series> all;
  for (const ScheduleState& s : schedules.list()) {
    if (!s.schedule.start || !s.schedule.rule.starts_with("@every")) continue;
    const std::vector<Tick> next = schedules.next(s.schedule.name, 2);
    faults::Series series{.name = s.schedule.name,
                          .first_us = us(*s.schedule.start),
                          .every_us = us(next.at(1)) - us(next.at(0)),
                          .fired = static_cast<std::int64_t>(s.fired),
                          .skipped = static_cast<std::int64_t>(s.skipped),
                          .missed = static_cast<std::int64_t>(s.missed),
                          .each = s.schedule.missed == Missed::all && s.schedule.overlap == Overlap::allow};
    if (s.last_tick) series.last_us = us(*s.last_tick);
    all.push_back(std::move(series));
  }
  return all;
}

}  // namespace sqlq::process
