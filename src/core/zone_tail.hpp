#pragma once
/// \file
/// What holds after the last change that a file of a time zone lists: its last line (RFC 8536, 3.3), which has the form
/// of POSIX's TZ: "CET-1CEST,M3.5.0,M10.5.0/3".
///
/// Thread-safety: plain values.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sqlq::core {

/// Seconds of UTC. Bounds beyond all that the library's times can hold stand for no bound.
using UtcSeconds = std::chrono::sys_time<std::chrono::duration<std::int64_t>>;
inline constexpr UtcSeconds earliest{std::chrono::duration<std::int64_t>(-10'000'000'000'000)};
inline constexpr UtcSeconds latest{std::chrono::duration<std::int64_t>(10'000'000'000'000)};

/// A time in which the local time has the same distance from UTC: [begin, end).
struct Span {
  UtcSeconds begin = earliest;
  UtcSeconds end = latest;
  std::chrono::seconds offset{0};
};

class ZoneTail {
 public:
  /// Empty for what has not this form.
  static std::optional<ZoneTail> parse(std::string_view text);
  [[nodiscard]] Span span(UtcSeconds at) const;

 private:
  /// A day of the year and a time of that day, which may lie up to a week off it.
  struct Moment {
    enum class Form : std::uint8_t { month, without_leap_day, with_leap_day };
    Form form = Form::month;
    int month = 0;
    int week = 0;  ///< 5: the last one
    int day = 0;   ///< of the week, or of the year
    std::chrono::seconds time{7200};
  };
  struct Reader;

  /// When summer time begins and ends in a year, in UTC.
  [[nodiscard]] UtcSeconds begin(std::int64_t year) const;
  [[nodiscard]] UtcSeconds end(std::int64_t year) const;

  std::chrono::seconds standard_{0};
  std::chrono::seconds summer_{0};
  std::optional<Moment> begin_;  ///< empty: no summer time
  Moment end_{};
};

}  // namespace sqlq::core
