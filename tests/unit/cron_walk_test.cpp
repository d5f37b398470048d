// Rules against a walk through the minutes of four years, with the offsets that the C library knows.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/cron.hpp"

namespace sqlq::core {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// The C library's zone, until the end of the block.
class TimezoneOfC {
 public:
  explicit TimezoneOfC(const std::string& name) {
    if (const char* const before = std::getenv("TZ")) before_ = before;
    ::setenv("TZ", (":" + name).c_str(), 1);
    ::tzset();
  }
  ~TimezoneOfC() {
    if (before_) {
      ::setenv("TZ", before_->c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }
  TimezoneOfC(const TimezoneOfC&) = delete;
  TimezoneOfC& operator=(const TimezoneOfC&) = delete;

  [[nodiscard]] static long minutes_at(long minute) {
    const std::time_t at = minute * 60;
    std::tm fields{};
    ::localtime_r(&at, &fields);
    return fields.tm_gmtoff / 60;
  }

 private:
  std::optional<std::string> before_;
};

/// A day of local time.
struct Day {
  int month, day, length, weekday;
  [[nodiscard]] bool last() const { return day == length; }
  [[nodiscard]] int week() const { return (day - 1) / 7 + 1; }
};

/// What a rule means, in words of C++.
struct Meaning {
  const char* rule;
  bool time_of_day;
  std::function<bool(int minute)> minute;
  std::function<bool(int hour)> hour;
  std::function<bool(const Day&)> day;
};

bool any_day(const Day&) { return true; }
bool any_hour(int) { return true; }
std::function<bool(int)> only(int number) {
  return [number](int n) { return n == number; };
}
std::function<bool(int)> each(int step) {
  return [step](int n) { return n % step == 0; };
}

std::vector<Meaning> meanings() {
  const auto weekdays = [](const Day& d) { return d.weekday >= 1 && d.weekday <= 5; };
  return {
      {"30 2 * * *", true, only(30), only(2), any_day},
      {"15 2,3 * * *", true, [](int m) { return m == 15; }, [](int h) { return h == 2 || h == 3; }, any_day},
      {"*/20 1-3 * * *", true, each(20), [](int h) { return h >= 1 && h <= 3; }, any_day},
      {"0 0 * * *", true, only(0), only(0), any_day},
      {"59 23 L * *", true, only(59), only(23), [](const Day& d) { return d.last(); }},
      {"0 2 29 2 *", true, only(0), only(2), [](const Day& d) { return d.month == 2 && d.day == 29; }},
      {"0 2 * * sun", true, only(0), only(2), [](const Day& d) { return d.weekday == 0; }},
      {"5 0 13 * 5", true, only(5), only(0), [](const Day& d) { return d.day == 13 || d.weekday == 5; }},
      {"5 1 */2 * mon", true, only(5), only(1), [](const Day& d) { return d.day % 2 == 1 && d.weekday == 1; }},
      {"45 1 * mar,oct,nov friL,7L", true, only(45), only(1),
       [](const Day& d) {
         return (d.month == 3 || d.month == 10 || d.month == 11) && (d.weekday == 5 || d.weekday == 0) &&
                d.day + 7 > d.length;
       }},
      {"30 0 * * 5#3,0#5", true, only(30), only(0),
       [](const Day& d) { return (d.weekday == 5 && d.week() == 3) || (d.weekday == 0 && d.week() == 5); }},
      {"0 9-17/1 * * 1-5", false, only(0), [](int h) { return h >= 9 && h <= 17; }, weekdays},
      {"0 * * * *", false, only(0), any_hour, any_day},
      {"*/30 * * * *", false, each(30), any_hour, any_day},
      {"10 */2 * * *", false, only(10), each(2), any_day},
      {"* 1/1 1 1-3,10-12 *", false, [](int) { return true; }, [](int h) { return h >= 1; },
       [](const Day& d) { return d.day == 1 && (d.month <= 3 || d.month >= 10); }},
      {"0 */6 L 1/3 *", false, only(0), each(6), [](const Day& d) { return d.last() && d.month % 3 == 1; }},
  };
}

/// Rules in a set: bit n is rule n.
using Set = std::uint32_t;

/// The meanings as tables, for speed.
struct Tables {
  explicit Tables(const std::vector<Meaning>& all) : meanings(all), ticks(all.size()) {
    for (std::size_t minute = 0; minute < fitting.size(); ++minute) {
      for (std::size_t rule = 0; rule < all.size(); ++rule) {
        const auto hour = static_cast<int>(minute / 60);
        if (all[rule].hour(hour) && all[rule].minute(static_cast<int>(minute % 60))) fitting[minute] |= Set{1} << rule;
      }
    }
    for (std::size_t rule = 0; rule < all.size(); ++rule) {
      if (all[rule].time_of_day) times_of_day |= Set{1} << rule;
    }
  }
  void go_to(const Day& day) {
    fitting_day = 0;
    for (std::size_t rule = 0; rule < meanings.size(); ++rule) {
      if (meanings[rule].day(day)) fitting_day |= Set{1} << rule;
    }
  }
  void add(Set rules, long tick) {
    for (std::size_t rule = 0; rule < meanings.size(); ++rule) {
      if ((rules & Set{1} << rule) == 0 || (!ticks[rule].empty() && ticks[rule].back() == tick)) continue;
      ticks[rule].push_back(tick);
    }
  }

  const std::vector<Meaning>& meanings;
  std::array<Set, 1440> fitting{};  ///< by the minute of the day
  Set fitting_day = 0;
  Set times_of_day = 0;
  std::vector<std::vector<long>> ticks;
};

Day day_at(long days) {
  const std::time_t at = days * 86'400;
  std::tm fields{};
  ::gmtime_r(&at, &fields);
  const int year = fields.tm_year + 1900;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  const std::array<int, 12> lengths{31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return {fields.tm_mon + 1, fields.tm_mday, lengths.at(static_cast<std::size_t>(fields.tm_mon)), fields.tm_wday};
}

/// Goes through the minutes of real time. A minute of local time is new when no earlier one was as late; what is left
/// out between two is skipped.
void walk(long begin, long end, Tables& tables) {
  long seen_day = -1;
  long latest = begin + TimezoneOfC::minutes_at(begin) - 1;
  long offset = 0;
  for (long now = begin; now < end; ++now) {
    if (now % 15 == 0 || now == begin) offset = TimezoneOfC::minutes_at(now);  // they change at quarters
    const long local = now + offset;
    const bool is_new = local > latest;
    for (long minute = is_new ? latest + 1 : local; minute <= local; ++minute) {
      const long day = minute / 1440;
      if (day != seen_day) tables.go_to(day_at(day));
      seen_day = day;
      Set fitting = tables.fitting[static_cast<std::size_t>(minute % 1440)] & tables.fitting_day;
      if (!is_new) fitting &= ~tables.times_of_day;
      if (minute < local) fitting &= tables.times_of_day;
      if (fitting != 0) tables.add(fitting, now);
    }
    if (is_new) latest = local;
  }
}

struct Place {
  const char* zone;
  int year;
};
void PrintTo(const Place& place, std::ostream* out) { *out << place.zone << " from " << place.year; }

class CronWalk : public ::testing::TestWithParam<Place> {};

TEST_P(CronWalk, FindsTheSameTicks) {
  const Place place = GetParam();
  const TimezoneOfC zone(place.zone);
  const auto minute_of = [](int year) {
    return std::chrono::sys_days(std::chrono::year(year) / 1 / 1).time_since_epoch() / minutes(1);
  };
  const long begin = minute_of(place.year);
  const long end = minute_of(place.year + 4);
  const std::vector<Meaning> all = meanings();
  Tables tables(all);
  walk(begin, end, tables);

  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::vector<long>& ticks = tables.ticks[i];
    const std::string text = all[i].rule;
    const Rule rule = Rule::parse(text, place.zone);
    EXPECT_FALSE(ticks.empty()) << text;
    TimePoint after{minutes(begin) - Duration(1)};
    for (std::size_t n = 0; n < ticks.size(); ++n) {
      const TimePoint tick{minutes(ticks[n])};
      ASSERT_GT(tick, after) << text;
      ASSERT_EQ(rule.next(after, {}), tick) << text << ", after " << after.time_since_epoch() / seconds(1);
      if (n % 16 == 0) {
        ASSERT_EQ(rule.next(after + (tick - after) / 2, {}), tick) << text;
        ASSERT_EQ(rule.next(tick - Duration(1), {}), tick) << text;
        ASSERT_EQ(rule.offset(tick), minutes(TimezoneOfC::minutes_at(ticks[n])));
      }
      after = tick;
    }
    ASSERT_GE(rule.next(after, {}), TimePoint(minutes(end))) << text;
  }
}

// In the years of a place its zone did what it is chosen for.
INSTANTIATE_TEST_SUITE_P(Zones, CronWalk,
                         ::testing::Values(Place{"UTC", 2024}, Place{"Europe/Berlin", 2024},
                                           Place{"Europe/Berlin", 2036},        // beyond what the files list
                                           Place{"Europe/Dublin", 2027},        // its winter is the exception
                                           Place{"America/New_York", 2026},     //
                                           Place{"Australia/Lord_Howe", 2023},  // by half an hour
                                           Place{"America/Santiago", 2019},     // the south; it changed its days
                                           Place{"Asia/Kolkata", 2024},         // half an hour, no summer time
                                           Place{"Africa/Casablanca", 2024},    // not in Ramadan
                                           Place{"Asia/Pyongyang", 2015},       // half an hour back, and forth again
                                           Place{"Pacific/Apia", 2010},         // left out a day
                                           Place{"America/Sao_Paulo", 2016}));  // at midnight, and no more

}  // namespace
}  // namespace sqlq::core
