#pragma once
/// \file
/// The text of a rule of schedules (sqlq/schedule.hpp).

#include <string_view>
#include <variant>

#include <sqlq/clock.hpp>

#include "core/calendar.hpp"

namespace sqlq::core {

/// The fields, or the interval of `@every`. Throws Error(invalid_argument) that shows the place and what is allowed
/// there, also for fields that no time fits.
[[nodiscard]] std::variant<Calendar, Duration> parse_cron(std::string_view rule);

}  // namespace sqlq::core
