#pragma once
/// \file
/// Texts for people: times, ages, sizes, and what comes from databases made safe for a terminal. Pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sqlq/clock.hpp>

namespace sqlq::tool {

/// Control characters, bytes that are no UTF-8, and characters that change the direction of text are shown as escapes
/// (\n, \x1b, \u202e); the result is one line.
[[nodiscard]] std::string printable(std::string_view text);
/// Columns that the text takes on a terminal (wide characters: 2, combining ones: 0).
[[nodiscard]] std::size_t width(std::string_view text);
/// At most `columns` wide; what was cut ends in an ellipsis.
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns);

/// "2026-11-29T16:20:00.123456Z".
[[nodiscard]] std::string utc(TimePoint at);
/// "3s ago", "in 2h05m", "now".
[[nodiscard]] std::string relative(TimePoint at, TimePoint now);
/// "250ms", "1.5s", "2h05m", "3d4h".
[[nodiscard]] std::string human(Duration time);
/// "1,234,567", and with `capped` "10,000+".
[[nodiscard]] std::string human(std::uint64_t count, bool capped = false);
/// "1 job", "1,234 jobs", "10,000+ jobs".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view what, bool capped = false);

/// "90s", "1h30m", "7d", "250ms", "1w": units ms, s, m, h, d, w; empty for anything else.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
/// "2026-11-29", "2026-11-29T16:20:00Z", "2026-11-29 16:20" (UTC), "@1795969200" (seconds), "+10m", "-7d" (from now).
[[nodiscard]] std::optional<TimePoint> parse_time(std::string_view text, TimePoint now);

}  // namespace sqlq::tool
