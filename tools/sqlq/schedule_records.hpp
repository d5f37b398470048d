#pragma once
/// \file
/// Schedules and their ticks as records.

#include <string>
#include <string_view>
#include <vector>

#include <sqlq/schedule.hpp>

#include "records.hpp"

namespace sqlq::tool {

/// "'nightly'", safe for a terminal.
[[nodiscard]] std::string schedule_name(const std::string& name);

/// `whole`: also in a table everything, for one schedule.
[[nodiscard]] std::vector<Column> schedule_columns(bool whole);
[[nodiscard]] std::vector<Value> schedule_row(const ScheduleState& state);

[[nodiscard]] std::vector<Column> tick_columns();
[[nodiscard]] std::vector<Value> tick_row(const Tick& tick);

/// Exit(not_found) when there is none of that name.
[[nodiscard]] ScheduleState existing_schedule(const Schedules& schedules, const std::string& name);

/// The words of --missed and --overlap, in the order of their values.
[[nodiscard]] std::vector<std::string> words_of_missed();
[[nodiscard]] std::vector<std::string> words_of_overlap();
/// Of one of those words.
[[nodiscard]] Missed missed_of(std::string_view word);
[[nodiscard]] Overlap overlap_of(std::string_view word);

}  // namespace sqlq::tool
