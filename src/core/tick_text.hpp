#pragma once
/// \file
/// Ticks as text: how they are printed, and how the job of a tick carries it (header `sqlq-tick`).
///
/// Thread-safety: pure functions.

#include <optional>
#include <string>
#include <string_view>

#include <sqlq/schedule.hpp>

namespace sqlq::core {

/// "2026-11-30T02:30:00+01:00": the zone's local time and its offset from UTC, each with a fraction or seconds where
/// they have some.
[[nodiscard]] std::string tick_text(const Tick& tick);
/// The inverse, also of "2026-11-30T01:30:00Z"; empty for any other text.
[[nodiscard]] std::optional<Tick> parse_tick(std::string_view text);

}  // namespace sqlq::core
