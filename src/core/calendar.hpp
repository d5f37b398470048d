#pragma once
/// \file
/// The fields of a rule of schedules (sqlq/schedule.hpp), and the local times that fit them.
///
/// Thread-safety: plain values. No function here throws.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

namespace sqlq::core {

using Days64 = std::chrono::duration<std::int64_t, std::chrono::days::period>;
using LocalSeconds = std::chrono::local_time<std::chrono::duration<std::int64_t>>;

/// A date of the proleptic Gregorian calendar. std::chrono's ends in the year 32767, the library's times do not.
struct Date {
  std::int64_t year = 1970;
  int month = 1;
  int day = 1;
  bool operator==(const Date&) const = default;
};
/// `day` counts from 1970-01-01.
[[nodiscard]] Date date_of(Days64 day) noexcept;
[[nodiscard]] Days64 day_of(const Date& date) noexcept;
[[nodiscard]] bool is_leap(std::int64_t year) noexcept;
/// Days of the month.
[[nodiscard]] int length_of(std::int64_t year, int month) noexcept;
/// 0 is Sunday.
[[nodiscard]] int weekday_of(Days64 day) noexcept;

/// Sets of numbers are bits: number n is in it when bit n is set.
struct Calendar {
  std::uint64_t seconds = 1;
  std::uint64_t minutes = 0;
  std::uint64_t hours = 0;
  std::uint64_t days = 0;  ///< 1 to 31
  bool last_day = false;   ///< of the month
  std::uint64_t months = 0;
  std::uint64_t weekdays = 0;                ///< 0 (Sunday) to 6
  std::array<std::uint64_t, 7> ordinals{};   ///< by weekday: 1 to 5 is the first to fifth of the month, 6 the last
  bool either_day = false;                   ///< a day that fits by its date or its weekday fits; else it needs both
  bool times_of_day = false;                 ///< neither `*` nor steps in the hour field

  /// Is there any time that fits?
  [[nodiscard]] bool fires() const noexcept;
  /// The first time that fits, `from` included. Empty: none before the year 300,000.
  [[nodiscard]] std::optional<LocalSeconds> first(LocalSeconds from) const noexcept;

 private:
  [[nodiscard]] std::uint64_t days_of(int length, int weekday_of_first) const noexcept;
  [[nodiscard]] std::optional<std::chrono::seconds> time_from(std::chrono::seconds of_day) const noexcept;
};

}  // namespace sqlq::core
