#include "core/calendar.hpp"

#include <bit>

namespace sqlq::core {

namespace {

using std::chrono::floor;

constexpr std::int64_t last_year = 300'000;
constexpr std::uint64_t last_of_month = std::uint64_t{1} << 6U;

constexpr std::uint64_t bit(int number) noexcept { return std::uint64_t{1} << static_cast<unsigned>(number); }

/// The smallest number of the set that is at least `least`, which is at most 63; -1 if there is none.
int next_of(std::uint64_t set, int least) noexcept {
  const std::uint64_t rest = set & (~std::uint64_t{0} << static_cast<unsigned>(least));
  return rest == 0 ? -1 : std::countr_zero(rest);
}

int length_of_month(bool leap, int month) noexcept {
  if (month == 2) return leap ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

constexpr std::chrono::seconds time_of(int hour, int minute, int second) noexcept {
  return std::chrono::seconds((hour * 60 + minute) * 60 + second);
}

}  // namespace

// Both count years from March, so that a leap day is the last one, in eras of 400 years, which have 146,097 days.
Date date_of(Days64 day) noexcept {
  const std::int64_t from_march = day.count() + 719'468;  // since 0000-03-01
  const std::int64_t era = (from_march >= 0 ? from_march : from_march - 146'096) / 146'097;
  const std::int64_t of_era = from_march - era * 146'097;
  const std::int64_t year = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
  const auto of_year = static_cast<int>(of_era - (365 * year + year / 4 - year / 100));
  const int month = (5 * of_year + 2) / 153;  // 0 is March
  return {year + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9,
          of_year - (153 * month + 2) / 5 + 1};
}

Days64 day_of(const Date& date) noexcept {
  const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (date.month > 2 ? date.month - 3 : date.month + 9) + 2) / 5 + date.day - 1;
  return Days64(era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468);
}

bool is_leap(std::int64_t year) noexcept { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int length_of(std::int64_t year, int month) noexcept { return length_of_month(is_leap(year), month); }

int weekday_of(Days64 day) noexcept {
  const auto rest = static_cast<int>((day.count() + 4) % 7);  // 1970-01-01 was a Thursday
  return rest < 0 ? rest + 7 : rest;
}

std::uint64_t Calendar::days_of(int length, int weekday_of_first) const noexcept {
  const std::uint64_t month = bit(length + 1) - 2;
  const std::uint64_t by_date = (days | (last_day ? bit(length) : 0)) & month;
  std::uint64_t by_weekday = 0;
  for (int day = 1; day <= length; ++day) {
    const int weekday = (weekday_of_first + day - 1) % 7;
    const std::uint64_t ordinal = bit((day - 1) / 7 + 1) | (day + 7 > length ? last_of_month : 0);
    const bool fits = (weekdays & bit(weekday)) != 0 || (ordinals.at(static_cast<std::size_t>(weekday)) & ordinal) != 0;
    if (fits) by_weekday |= bit(day);
  }
  return either_day ? by_date | by_weekday : by_date & by_weekday;
}

bool Calendar::fires() const noexcept {
  // Within 400 years each month, also a February of 29 days, begins with each day of the week.
  for (int month = next_of(months, 1); month > 0; month = next_of(months, month + 1)) {
    for (int weekday = 0; weekday < 7; ++weekday) {
      if (days_of(length_of_month(false, month), weekday) != 0) return true;
      if (days_of(length_of_month(true, month), weekday) != 0) return true;
    }
  }
  return false;
}

std::optional<std::chrono::seconds> Calendar::time_from(std::chrono::seconds of_day) const noexcept {
  const auto total = static_cast<int>(of_day.count());
  const int hour = total / 3600;
  const int minute = total / 60 % 60;
  const int second = total % 60;
  if ((hours & bit(hour)) != 0) {
    if ((minutes & bit(minute)) != 0) {
      const int same_minute = next_of(seconds, second);
      if (same_minute >= 0) return time_of(hour, minute, same_minute);
    }
    const int same_hour = next_of(minutes, minute + 1);
    if (same_hour >= 0) return time_of(hour, same_hour, next_of(seconds, 0));
  }
  const int later = next_of(hours, hour + 1);
  if (later < 0) return {};
  return time_of(later, next_of(minutes, 0), next_of(seconds, 0));
}

std::optional<LocalSeconds> Calendar::first(LocalSeconds from) const noexcept {
  const auto today = floor<Days64>(from);
  const Date date = date_of(today.time_since_epoch());
  std::int64_t year = date.year;
  int month = date.month;
  int least = date.day;  // of the days of that month
  std::optional<std::chrono::seconds> time = time_from(from - today);
  if (!time) ++least;
  while (year <= last_year) {
    if ((months & bit(month)) != 0) {
      const Days64 first_day = day_of({year, month, 1});
      const std::uint64_t fitting = days_of(length_of(year, month), weekday_of(first_day));
      const int day = next_of(fitting, least);
      if (day > 0) {
        const LocalSeconds midnight(first_day + Days64(day - 1));
        return midnight + (midnight == today ? *time : *time_from(std::chrono::seconds(0)));
      }
    }
    least = 1;
    if (++month > 12) {
      month = 1;
      ++year;
    }
  }
  return {};
}

}  // namespace sqlq::core
