#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/schedule.hpp>

#include "core/cron.hpp"
#include "support/expect_error.hpp"

namespace sqlq {
namespace {

using namespace std::chrono_literals;
using core::Rule;
using sqlq::testing::error_of;
using sqlq::testing::expect_error;
using sqlq::testing::has;

constexpr Errc bad_argument = Errc::invalid_argument;

TimePoint utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

template <class Value>
std::string printed(const Value& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

/// The next ticks after a time, as they are printed, in one line.
std::string ticks(const std::string& rule, TimePoint after, std::size_t n, const std::string& zone = "UTC") {
  std::string all;
  for (const Tick& tick : ticks_after(rule, zone, after, n)) all += (all.empty() ? "" : " ") + printed(tick);
  return all;
}

std::string refused(const std::string& rule) {
  return error_of(bad_argument, [&] { static_cast<void>(Rule::parse(rule, "UTC")); });
}

/// Both mean the same for the next ticks.
void expect_same(const std::string& one, const std::string& other) {
  EXPECT_EQ(ticks(one, utc(2026, 1, 1), 40), ticks(other, utc(2026, 1, 1), 40)) << one;
}

TEST(Cron, FieldsAreNumbersNamesRangesListsAndSteps) {
  EXPECT_EQ(ticks("30 2 * * *", utc(2026, 11, 29, 2, 30), 2), "2026-11-30T02:30:00+00:00 2026-12-01T02:30:00+00:00");
  EXPECT_EQ(ticks("10-40/15 6 * * *", utc(2026, 1, 1), 4),
            "2026-01-01T06:10:00+00:00 2026-01-01T06:25:00+00:00 2026-01-01T06:40:00+00:00 2026-01-02T06:10:00+00:00");
  EXPECT_EQ(ticks("0 0 1,15 jan *", utc(2026, 1, 1), 2), "2026-01-15T00:00:00+00:00 2027-01-01T00:00:00+00:00");
  EXPECT_EQ(ticks("  0\t12  *  JAN-Feb  Sat  ", utc(2026, 2, 20), 3),
            "2026-02-21T12:00:00+00:00 2026-02-28T12:00:00+00:00 2027-01-02T12:00:00+00:00");
  expect_same("*/15 * * * *", "0,15,30,45 * * * *");
  expect_same("40/10 * * * *", "40-59/10 * * * *");
  expect_same("0 0 ? * ?", "0 0 * * *");
  expect_same("00 07 01 01 *", "0 7 1 1 *");
}

TEST(Cron, ASixthFieldInFrontIsTheSecond) {
  EXPECT_EQ(ticks("*/20 59 23 * * *", utc(2026, 12, 31, 23, 59, 19), 3),
            "2026-12-31T23:59:20+00:00 2026-12-31T23:59:40+00:00 2027-01-01T23:59:00+00:00");
  EXPECT_EQ(ticks("59 * * * * *", utc(2026, 1, 1) - 1us, 1), "2026-01-01T00:00:59+00:00");
  expect_same("0 5 4 * * *", "5 4 * * *");
}

TEST(Cron, SundayIsZeroAndSeven) {
  for (const char* other : {"0 0 * * 7", "0 0 * * sun", "0 0 * * SUN", "0 0 * * 7/7"}) expect_same("0 0 * * 0", other);
  for (const char* other : {"0 0 * * 5-7", "0 0 * * fri-sun", "0 0 * * 5/1,0"}) expect_same("0 0 * * 5,6,0", other);
  for (const char* other : {"0 0 * * 0-7", "0 0 * * 1-7", "0 0 * * sun-sat"}) expect_same("0 0 * * *", other);
}

TEST(Cron, TheLastDayAndOrdinalsOfWeekdays) {
  EXPECT_EQ(ticks("0 0 L 1-2 *", utc(2028, 1, 1), 3),
            "2028-01-31T00:00:00+00:00 2028-02-29T00:00:00+00:00 2029-01-31T00:00:00+00:00");
  EXPECT_EQ(ticks("0 0 * * 5L", utc(2026, 1, 1), 2), "2026-01-30T00:00:00+00:00 2026-02-27T00:00:00+00:00");
  EXPECT_EQ(ticks("0 0 * * 5#3", utc(2026, 1, 1), 2), "2026-01-16T00:00:00+00:00 2026-02-20T00:00:00+00:00");
  EXPECT_EQ(ticks("0 0 * feb thu#5", utc(2026, 1, 1), 1), "2052-02-29T00:00:00+00:00");
  expect_same("0 0 1,l * *", "0 0 L,1 * *");
  for (const char* other : {"0 0 * * friL", "0 0 * * FRIl", "0 0 * * 5l"}) expect_same("0 0 * * 5L", other);
  for (const char* other : {"0 0 * * 0#1", "0 0 * * Sun#1"}) expect_same("0 0 * * 7#1", other);
}

TEST(Cron, WithBothDaysRestrictedOneOfThemIsEnough) {
  EXPECT_EQ(ticks("0 0 13 * fri", utc(2026, 3, 10), 3),
            "2026-03-13T00:00:00+00:00 2026-03-20T00:00:00+00:00 2026-03-27T00:00:00+00:00");
  // What begins with a star restricts nothing in that sense, as in cron: an odd day that is a Monday.
  EXPECT_EQ(ticks("0 0 */2 * mon", utc(2026, 3, 1), 2), "2026-03-09T00:00:00+00:00 2026-03-23T00:00:00+00:00");
}

TEST(Cron, Shorthands) {
  expect_same("@hourly", "0 * * * *");
  expect_same("@daily", "0 0 * * *");
  expect_same("@midnight", "0 0 * * *");
  expect_same("@weekly", "0 0 * * 0");
  expect_same("@monthly", "0 0 1 * *");
  expect_same("@yearly", "0 0 1 1 *");
  expect_same("@Annually ", "0 0 1 1 *");
}

TEST(Cron, IntervalsCountFromTheirAnchor) {
  const auto every = [](const char* text) { return Rule::parse(std::string("@every ") + text, "UTC").every(); };
  EXPECT_EQ(every("90s"), 90s);
  EXPECT_EQ(every("1h30m"), 90min);
  EXPECT_EQ(every("1d2h3m4s5ms"), 26h + 3min + 4s + 5ms);
  EXPECT_EQ(every("1000ms"), 1s);
  EXPECT_EQ(every("3652d"), 24h * 3652);
  EXPECT_FALSE(Rule::parse("* * * * *", "UTC").every());

  const Rule rule = Rule::parse("@EVERY 90s", "Europe/Berlin");
  const TimePoint anchor = utc(2026, 3, 29) + 1us;
  EXPECT_EQ(rule.next(anchor - 30 * 24h, anchor), anchor);
  EXPECT_EQ(rule.next(anchor - 1us, anchor), anchor);
  EXPECT_EQ(rule.next(anchor, anchor), anchor + 90s);
  EXPECT_EQ(rule.next(anchor + 90s - 1us, anchor), anchor + 90s);
  EXPECT_EQ(rule.next(anchor + 24h, anchor), anchor + 24h + 90s);
  EXPECT_EQ(ticks("@every 1500ms", utc(2026, 1, 1), 2), "2026-01-01T00:00:01.5+00:00 2026-01-01T00:00:03+00:00");
}

TEST(Cron, ATimeThatIsSkippedRunsAtTheFirstMomentAfterTheGap) {
  // Berlin: 02:00 to 03:00 on 2026-03-29.
  EXPECT_EQ(ticks("30 2 * * *", utc(2026, 3, 28), 3, "Europe/Berlin"),
            "2026-03-28T02:30:00+01:00 2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00");
  // Several times of the gap, and its end itself, are one tick.
  EXPECT_EQ(ticks("0,30 2,3 29 3 *", utc(2026, 3, 28), 3, "Europe/Berlin"),
            "2026-03-29T03:00:00+02:00 2026-03-29T03:30:00+02:00 2027-03-29T02:00:00+02:00");
  // Lord Howe: 02:00 to 02:30 on 2026-10-04.
  EXPECT_EQ(ticks("15 2 * * *", utc(2026, 10, 3), 2, "Australia/Lord_Howe"),
            "2026-10-04T02:30:00+11:00 2026-10-05T02:15:00+11:00");
  // Sao Paulo: midnight to 01:00 on 2018-11-04.
  EXPECT_EQ(ticks("@daily", utc(2018, 11, 3, 12), 1, "America/Sao_Paulo"), "2018-11-04T01:00:00-02:00");
  // Apia left out 2011-12-30.
  EXPECT_EQ(ticks("0 12 30 12 *", utc(2011, 1, 1), 2, "Pacific/Apia"),
            "2011-12-31T00:00:00+14:00 2012-12-30T12:00:00+14:00");
}

TEST(Cron, ATimeThatComesTwiceRunsTheFirstTime) {
  // Berlin: 02:00 to 03:00 twice on 2026-10-25.
  EXPECT_EQ(ticks("30 2 * * *", utc(2026, 10, 24, 12), 2, "Europe/Berlin"),
            "2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00");
  EXPECT_EQ(ticks("0 2,3 25 10 *", utc(2026, 10, 24, 12), 2, "Europe/Berlin"),
            "2026-10-25T02:00:00+02:00 2026-10-25T03:00:00+01:00");
  // Asked between the two passes, or in the second one.
  EXPECT_EQ(ticks("30 2 * * *", utc(2026, 10, 25, 1), 1, "Europe/Berlin"), "2026-10-26T02:30:00+01:00");
  EXPECT_EQ(ticks("30 2 * * *", utc(2026, 10, 25, 1, 15), 1, "Europe/Berlin"), "2026-10-26T02:30:00+01:00");
}

TEST(Cron, RulesThatRepeatWithinTheDayFollowRealTime) {
  EXPECT_EQ(ticks("30 * * * *", utc(2026, 3, 29, 0), 3, "Europe/Berlin"),
            "2026-03-29T01:30:00+01:00 2026-03-29T03:30:00+02:00 2026-03-29T04:30:00+02:00");
  EXPECT_EQ(ticks("30 */1 * * *", utc(2026, 10, 25, 0), 3, "Europe/Berlin"),
            "2026-10-25T02:30:00+02:00 2026-10-25T02:30:00+01:00 2026-10-25T03:30:00+01:00");
  EXPECT_EQ(ticks("30 2,*/12 29 3 *", utc(2026, 3, 29, 0), 1, "Europe/Berlin"), "2026-03-29T12:30:00+02:00");
}

TEST(Cron, SummerTimeGoesOnWhereTheListsOfChangesEnd) {
  EXPECT_EQ(ticks("0 12 1 7 *", utc(2037, 1, 1), 2, "Europe/Berlin"),
            "2037-07-01T12:00:00+02:00 2038-07-01T12:00:00+02:00");
  EXPECT_EQ(ticks("0 12 1 1,7 *", utc(2100, 1, 1), 2, "America/New_York"),
            "2100-01-01T12:00:00-05:00 2100-07-01T12:00:00-04:00");
  EXPECT_EQ(ticks("0 12 1 7 *", utc(32'000, 1, 1) + 24h * 365'243, 1, "Europe/Berlin"), "33000-07-01T12:00:00+02:00");
}

TEST(Cron, RareDaysAreFound) {
  EXPECT_EQ(ticks("0 0 29 2 */7", utc(2096, 3, 1), 2), "2128-02-29T00:00:00+00:00 2156-02-29T00:00:00+00:00");
  EXPECT_EQ(ticks("30 2 29 2 *", utc(2096, 3, 1), 1, "Europe/Berlin"), "2104-02-29T02:30:00+01:00");
}

TEST(Cron, WhatIsAlwaysSkippedIsNotSoughtForEver) {
  const Rule rule = Rule::parse("30 2/24 * 3 0L", "Europe/Berlin");  // repeats, so the gap of each year leaves it out
  EXPECT_EQ(rule.next(utc(1979, 12, 1), {}), utc(1980, 3, 30, 1, 30));  // the last year before that
  EXPECT_FALSE(rule.next(utc(1980, 12, 1), {}));
  EXPECT_FALSE(rule.next(utc(32'000, 1, 1), {}));
}

TEST(Cron, NothingComesAfterTheEndOfTime) {
  for (const char* text : {"* * * * *", "0 0 29 2 *", "@every 10s"}) {
    const Rule rule = Rule::parse(text, "Europe/Berlin");
    EXPECT_FALSE(rule.next(TimePoint::max(), utc(2026, 1, 1))) << text;
    EXPECT_FALSE(rule.next(TimePoint::max() - 1s, utc(2026, 1, 1))) << text;
    const auto first = rule.next(TimePoint::min(), TimePoint::min());
    EXPECT_TRUE(first && *first > TimePoint::min()) << text;
    EXPECT_TRUE(rule.next(TimePoint::max() - 24h * 3000, TimePoint::min())) << text;
  }
  EXPECT_EQ(ticks("* * * * *", TimePoint::max() - 60s, 3), "294247-01-10T04:00:00+00:00");
  EXPECT_TRUE(ticks_after("* * * * *", "UTC", {}, 0).empty());
}

TEST(Cron, RefusalsShowThePlaceAndWhatIsAllowed) {
  EXPECT_EQ(refused("0 25 * * *"),
            "the rule '0 25 * * *', column 3: the hour '25' is not allowed; allowed are 0 to 23, with ranges as 1-5, "
            "lists as 1,5, and steps as */5");
  struct Case {
    const char* rule;
    const char* column;
    const char* says;
  };
  for (const auto& [rule, column, says] : {
           Case{"60 * * * *", "column 1:", "0 to 59"},
           Case{"* * 0 * *", "column 5:", "1 to 31, and L"},
           Case{"* * 1,32 * *", "column 7:", "'32'"},
           Case{"* * * 13 *", "column 7:", "1 to 12, and jan to dec"},
           Case{"* * * january *", "column 7:", "'january'"},
           Case{"* * * * 8", "column 9:", "0 to 7 (both are Sunday), sun to sat"},
           Case{"* * * * mon-xyz", "column 13:", "'xyz'"},
           Case{"99 * * * * *", "column 1:", "the second '99'"},
           Case{"0 1,,2 * * *", "column 5:", "the hour ''"},
           Case{"-5 * * * *", "column 1:", "the minute ''"},
           Case{"+5 * * * *", "column 1:", "'+5'"},
           Case{"5- * * * *", "column 3:", "''"},
           Case{"1-2-3 * * * *", "column 3:", "'2-3'"},
           Case{"*/0 * * * *", "column 3:", "1 to 60"},
           Case{"*/90 * * * *", "column 3:", "@every 90m"},
           Case{"*/2/2 * * * *", "column 3:", "'2/2'"},
           Case{"0 */ * * *", "column 5:", "1 to 24"},
           Case{"0 22-3 * * *", "column 3:", "write it as two: 22-23,0-3"},
           Case{"0 0 * nov-feb *", "column 7:", "write it as two: nov-12,1-feb"},
           Case{"0 0 * * fri-mon", "column 9:", "write it as two: fri-6,0-mon"},
           Case{"0 0 L-3 * *", "column 5:", "'L'"},
           Case{"0 0 15W * *", "column 5:", "'15W'"},
           Case{"0 0 * * L", "column 9:", "5L for the last Friday"},
           Case{"0 0 * * 5#6", "column 9:", "1 to 5"},
           Case{"0 0 * * 5#", "column 9:", "1 to 5"},
           Case{"0 0 * * 1-5L", "column 9:", "'1-5'"},
           Case{"", "column 1:", "ends after 0 fields"},
           Case{"* * * *", "column 8:", "ends after 4 fields; needed are 5 (minute,"},
           Case{"0 0 0 1 1 * 2026", "column 13:", "'2026' is a field too many"},
           Case{"CRON_TZ=UTC 0 0 * * *", "column 1:", "the second 'CRON_TZ=UTC'"},
           Case{"@dayly", "column 1:", "@daily"},
           Case{"@reboot", "column 1:", "'@reboot' is not known"},
           Case{"@daily 5", "column 8:", "'5' is too much"},
           Case{"@every", "column 7:", "a time is missing"},
           Case{"@every 5", "column 8:", "'5' is no time"},
           Case{"@every 1h 30m", "column 11:", "'30m' is too much"},
           Case{"@every 30m1h", "column 11:", "from large to small"},
           Case{"@every 1.5h", "column 8:", "whole numbers"},
           Case{"@every 5w", "column 8:", "d, h, m, s and ms"},
           Case{"@every -5s", "column 8:", "'-5s'"},
           Case{"@every 999ms", "column 8:", "1 s and 10 years"},
           Case{"@every 3653d", "column 8:", "1 s and 10 years"},
           Case{"@every 99999999999999999999d1h", "column 8:", "1 s and 10 years"},
       }) {
    const std::string message = refused(rule);
    EXPECT_TRUE(has(message, column) && has(message, says)) << message;
  }
}

TEST(Cron, RefusedRulesAreShownOnOneLine) {
  const std::string message = refused("0 \n1 * * *");
  EXPECT_TRUE(has(message, "'\\n1'") && !has(message, "\n")) << message;
  EXPECT_TRUE(has(refused(std::string("0 \0 * * *", 9)), "\\x00"));
  EXPECT_TRUE(has(refused(std::string(2000, '*')), "2000 bytes; at most 1000"));
  EXPECT_LT(refused(std::string(1000, '\x01')).size(), 3000U);
}

TEST(Cron, ARuleThatCanNeverFireIsRefused) {
  for (const char* rule : {"30 2 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30,31 feb *", "0 0 */31 * 5#3", "0 0 31 2-2 ?"}) {
    EXPECT_TRUE(has(refused(rule), "column 5: it can never fire") || has(refused(rule), "column 6: it can never fire"))
        << refused(rule);
  }
  EXPECT_EQ(refused("30 2 30 2 *"),
            "the rule '30 2 30 2 *', column 6: it can never fire: no month that it names has a day '30'");
  for (const char* rule : {"0 0 29 2 *", "0 0 30 2 mon", "0 0 29 2 */7", "0 0 * 2 1#5", "0 0 31 * *"}) {
    EXPECT_EQ(ticks_after(rule, "UTC", utc(2026, 1, 1), 3).size(), 3U) << rule;
  }
}

TEST(Cron, AnUnknownZoneIsRefused) {
  const auto refused_zone = [](const std::string& zone, const std::string& says) {
    expect_error(bad_argument, says, [&] { static_cast<void>(Rule::parse("@every 5s", zone)); });
  };
  refused_zone("Europe/Berln", "there is no time zone 'Europe/Berln': did you mean Europe/Berlin?");
  refused_zone("berlin", "did you mean Europe/Berlin?");
  refused_zone("utc", "did you mean UTC?");
  refused_zone("Moon/Tranquillity", "there is no time zone 'Moon/Tranquillity': its IANA name is needed");
  for (const char* zone : {"", "../../../etc/passwd", "/etc/localtime", "posixrules\n", "Europe", "tzdata.zi"}) {
    refused_zone(zone, "there is no time zone");
  }
  refused_zone(std::string("UTC\0", 4), "there is no time zone 'UTC\\x00'");
  refused_zone(std::string(100'000, 'x'), "there is no time zone");
}

TEST(Ticks, ArePrintedWithTheirDistanceFromUtc) {
  EXPECT_EQ(printed(Tick{utc(2026, 11, 30, 1, 30), 1h}), "2026-11-30T02:30:00+01:00");
  EXPECT_EQ(printed(Tick{utc(2026, 1, 1), -(3h + 30min)}), "2025-12-31T20:30:00-03:30");
  EXPECT_EQ(printed(Tick{utc(1890, 1, 1), 53min + 28s}), "1890-01-01T00:53:28+00:53:28");
  EXPECT_EQ(printed(Tick{TimePoint(-1us), {}}), "1969-12-31T23:59:59.999999+00:00");
  EXPECT_EQ(printed(Tick{utc(7, 1, 1), {}}), "0007-01-01T00:00:00+00:00");
  EXPECT_EQ(printed(Tick{TimePoint::max(), 14h}), "294247-01-10T18:00:54.775807+14:00");
  EXPECT_EQ(printed(Tick{TimePoint::min(), -12h}), "-290308-12-21T07:59:05.224192-12:00");
}

TEST(Ticks, NamesOfEnumerations) {
  EXPECT_EQ(to_string(Missed::one), "one");
  EXPECT_EQ(to_string(Missed::skip), "skip");
  EXPECT_EQ(to_string(Missed::all), "all");
  EXPECT_EQ(to_string(Missed{99}), "unknown");
  EXPECT_EQ(to_string(Overlap::skip), "skip");
  EXPECT_EQ(to_string(Overlap::allow), "allow");
  EXPECT_EQ(to_string(Overlap::queue_one), "queue_one");
  EXPECT_EQ(to_string(Overlap::cancel_old), "cancel_old");
  EXPECT_EQ(to_string(Overlap{0}), "unknown");
  EXPECT_EQ(to_string(SyncStatus::added), "added");
  EXPECT_EQ(to_string(SyncStatus::changed), "changed");
  EXPECT_EQ(to_string(SyncStatus::unchanged), "unchanged");
  EXPECT_EQ(to_string(SyncStatus{}), "unknown");
}

}  // namespace
}  // namespace sqlq
