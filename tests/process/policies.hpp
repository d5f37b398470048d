#pragma once
/// \file
/// Schedules of several policies that fire each second, for crowds of workers.

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "scratch.hpp"

namespace sqlq::process {

/// So many of each policy, which take turns: more ticks than their rule alone has. From `start` on, which must be to
/// come: ticks before the sync do not count. Their jobs are of kind `work` with leases of `keepalive`, and kept; those
/// whose policy is about the last job last longer than the interval.
inline std::vector<Schedule> schedules_of_all_policies(TimePoint start, int turns, Duration keepalive) {
  constexpr Duration interval = std::chrono::seconds(1);
  std::vector<Schedule> all;
  for (int i = 0; i < turns; ++i) {
    const auto add = [&](const std::string& name, const std::string& params, Missed missed, Overlap overlap) {
      all.push_back({.name = name + " " + std::to_string(i),
                     .rule = "@every 1s",
                     .job = {"work",
                             params,
                             {.max_attempts = 1000,
                              .max_crashes = 1000,
                              .keepalive = keepalive,
                              .retention = std::chrono::hours(24 * 365)}},
                     .missed = missed,
                     .overlap = overlap,
                     .start = start + i * interval / turns});
    };
    add("each", R"({"us":1000})", Missed::all, Overlap::allow);
    add("latest", R"({"us":1000})", Missed::one, Overlap::allow);
    add("alone", R"({"us":1200000})", Missed::one, Overlap::skip);
    add("one more", R"({"us":1200000})", Missed::one, Overlap::queue_one);
  }
  return all;
}

/// Until each has fired or skipped a tick that comes after the moment.
[[nodiscard]] inline bool wait_for_ticks(const Schedules& schedules, TimePoint after) {
  return eventually([&] {
    const auto all = schedules.list();
    return std::ranges::all_of(all, [&](const ScheduleState& s) { return s.last_tick && *s.last_tick > after; });
  });
}

/// They fire no more: now they can be judged.
inline void pause_all(Schedules& schedules) {
  for (const ScheduleState& s : schedules.list()) static_cast<void>(schedules.pause(s.schedule.name));
}

}  // namespace sqlq::process
