#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/calendar.hpp"
#include "core/zone.hpp"

namespace sqlq::core {
namespace {

using namespace std::chrono_literals;

UtcSeconds at(int year, unsigned month, unsigned day, int hour = 0) {
  const std::chrono::sys_days midnight(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day));
  return UtcSeconds(midnight) + std::chrono::hours(hour);
}

struct Expected {
  UtcSeconds begin;
  UtcSeconds end;
  std::chrono::seconds offset;
};

void expect_span(const Span& span, const Expected& expected) {
  EXPECT_EQ(span.begin, expected.begin);
  EXPECT_EQ(span.end, expected.end);
  EXPECT_EQ(span.offset, expected.offset);
}

TEST(Calendar, DatesAndDaysAreTheSameAsOfTheStandardLibrary) {
  for (int day = -1'000'000; day < 1'000'000; day += 13) {
    const std::chrono::year_month_day expected{std::chrono::sys_days(std::chrono::days(day))};
    const Date date = date_of(Days64(day));
    ASSERT_EQ(date.year, static_cast<int>(expected.year()));
    ASSERT_EQ(date.month, static_cast<int>(static_cast<unsigned>(expected.month())));
    ASSERT_EQ(date.day, static_cast<int>(static_cast<unsigned>(expected.day())));
    ASSERT_EQ(day_of(date), Days64(day));
    const std::chrono::weekday weekday{std::chrono::sys_days(std::chrono::days(day))};
    ASSERT_EQ(weekday_of(Days64(day)), static_cast<int>(weekday.c_encoding()));
  }
}

TEST(Calendar, YearsGoOnBeyondThoseOfTheStandardLibrary) {
  for (const Date date : {Date{294'247, 1, 10}, Date{300'000, 2, 29}, Date{-290'308, 12, 21}}) {
    EXPECT_EQ(date_of(day_of(date)), date);
  }
}

TEST(ZoneTail, SummerTime) {
  const auto berlin = ZoneTail::parse("CET-1CEST,M3.5.0,M10.5.0/3");
  ASSERT_TRUE(berlin);
  expect_span(berlin->span(at(2050, 7, 1)), {at(2050, 3, 27, 1), at(2050, 10, 30, 1), 2h});
  expect_span(berlin->span(at(2050, 3, 27, 1) - 1s), {at(2049, 10, 31, 1), at(2050, 3, 27, 1), 1h});
  expect_span(berlin->span(at(2050, 10, 30, 1)), {at(2050, 10, 30, 1), at(2051, 3, 26, 1), 1h});
  const auto lord_howe = ZoneTail::parse("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");
  ASSERT_TRUE(lord_howe);
  expect_span(lord_howe->span(at(2051, 1, 1)), {at(2050, 10, 1, 15) + 30min, at(2051, 4, 1, 15), 11h});
  const auto dublin = ZoneTail::parse("IST-1GMT0,M10.5.0,M3.5.0/1");
  ASSERT_TRUE(dublin);
  expect_span(dublin->span(at(2051, 1, 1)), {at(2050, 10, 30, 1), at(2051, 3, 26, 1), 0h});
  const auto nuuk = ZoneTail::parse("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");  // a time of the day before
  ASSERT_TRUE(nuuk);
  expect_span(nuuk->span(at(2050, 7, 1)), {at(2050, 3, 27, 1), at(2050, 10, 30, 1), -1h});
}

TEST(ZoneTail, OtherForms) {
  expect_span(ZoneTail::parse("<+0545>-5:45")->span(at(2050, 1, 1)), {earliest, latest, 5h + 45min});
  expect_span(ZoneTail::parse("ADT3EDT4,0/0,J365/23")->span(at(2050, 7, 1)),
              {at(2050, 1, 1, 3), at(2051, 1, 1, 3), -4h});  // it never ends, year by year
  expect_span(ZoneTail::parse("A0B,J60/0,J300/0")->span(at(2048, 7, 1)), {at(2048, 3, 1), at(2048, 10, 26, 23), 1h});
  expect_span(ZoneTail::parse("A0B,60/0,300/0")->span(at(2048, 7, 1)), {at(2048, 3, 1), at(2048, 10, 26, 23), 1h});
}

TEST(ZoneTail, RefusesEverythingElse) {
  for (const char* text : {"", "CET", "-1", "<CET-1", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3x",
                           "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
                           "CET-168", "CET-1:60", "CET-1CEST,J0,J5", "CET-1CEST,366,5", "CET-1:", "<>5"}) {
    EXPECT_FALSE(ZoneTail::parse(text)) << text;
  }
}

TEST(Zone, SpansJoinWithoutAGap) {
  for (const char* name : {"UTC", "Europe/Berlin", "America/Santiago", "Africa/Casablanca", "Pacific/Apia"}) {
    const auto zone = Zone::find(name);
    Span span = zone->span(earliest);
    EXPECT_EQ(span.begin, earliest) << name;
    while (span.end < at(2200, 1, 1)) {
      const Span next = zone->span(span.end);
      ASSERT_EQ(next.begin, span.end) << name;
      ASSERT_GT(next.end, next.begin) << name;
      span = next;
    }
    EXPECT_LE(zone->span(latest - 1s).end, latest) << name;
  }
}

TEST(Zone, WithoutATailItRepeatsItsLastFourHundredYears) {
  std::vector<Zone::Change> changes{{at(2000, 1, 1), 1h}};
  for (int year = 2400; year < 2800; ++year) {
    changes.push_back({at(year, 4, 1), 2h});
    changes.push_back({at(year, 10, 1), 1h});
  }
  const Zone zone(changes, {});
  expect_span(zone.span(at(2799, 7, 1)), {at(2799, 4, 1), at(2799, 10, 1), 2h});
  expect_span(zone.span(at(2803, 7, 1)), {at(2803, 4, 1), at(2803, 10, 1), 2h});
  expect_span(zone.span(at(9999, 7, 1)), {at(9999, 4, 1), at(9999, 10, 1), 2h});
  EXPECT_EQ(zone.span(at(9999, 12, 1)).offset, 1h);
}

TEST(Zone, IsReadOnce) {
  EXPECT_EQ(Zone::find("Asia/Kolkata"), Zone::find("Asia/Kolkata"));
  EXPECT_EQ(Zone::find("UTC")->span(at(2026, 1, 1)).offset, 0s);
}

TEST(Zone, NearNames) {
  const std::vector<std::string> names{"America/New_York", "Asia/Tokyo", "Europe/Berlin", "UTC"};
  EXPECT_EQ(nearest_name("europe/berlin", names), "Europe/Berlin");
  EXPECT_EQ(nearest_name("Berlin", names), "Europe/Berlin");
  EXPECT_EQ(nearest_name("new york", names), "America/New_York");
  EXPECT_EQ(nearest_name("Asia/Tokio", names), "Asia/Tokyo");
  EXPECT_EQ(nearest_name("GMT", names), "");
  EXPECT_EQ(nearest_name("", names), "");
}

}  // namespace
}  // namespace sqlq::core
