/// \file
/// Texts for people, passwords that are not shown, and records in each form.

#include "text.hpp"

#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "program.hpp"
#include "records.hpp"
#include "secrets.hpp"

namespace sqlq::tool {
namespace {

using namespace std::chrono_literals;

const TimePoint noon = TimePoint(1'795'953'600s);  // 2026-11-29T12:00:00Z

TEST(Printable, EscapesWhatATerminalActsOn) {
  EXPECT_EQ(printable("plain \xc3\xa4 \xe6\xbc\xa2"), "plain \xc3\xa4 \xe6\xbc\xa2");
  EXPECT_EQ(printable("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(printable("\x1b[31m\x07\x7f"), "\\x1b[31m\\x07\\x7f");
  EXPECT_EQ(printable("\xc2\x9b" "31m"), "\\u009b31m");  // the one-character form of ESC [
  EXPECT_EQ(printable("\xe2\x80\xae" "gpj"), "\\u202egpj");
  EXPECT_EQ(printable("\xf3\xa0\x80\x81"), "\\U000e0001");
  EXPECT_EQ(printable("\xff\xc3" "a"), "\\xff\\xc3a");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half of a pair of UTF-16
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(Width, CountsColumns) {
  EXPECT_EQ(width("abc"), 3U);
  EXPECT_EQ(width("\xe6\xbc\xa2"), 2U);
  EXPECT_EQ(width("a\xcc\x88"), 1U);
  EXPECT_EQ(cut("abcdef", 6), "abcdef");
  EXPECT_EQ(cut("abcdef", 4), "abc\xe2\x80\xa6");
  EXPECT_EQ(cut("\xe6\xbc\xa2\xe6\xbc\xa2", 3), "\xe6\xbc\xa2\xe2\x80\xa6");
  EXPECT_EQ(cut("abc", 0), "");
}

TEST(Times, AreShownInUtc) {
  EXPECT_EQ(utc(noon), "2026-11-29T12:00:00.000000Z");
  EXPECT_EQ(utc(TimePoint(-1us)), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(utc(TimePoint(951'782'400s)), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(utc(TimePoint::max()).substr(0, 6), "294247");  // all that can be stored can be shown
}

TEST(Times, AreToldFromNow) {
  EXPECT_EQ(relative(noon - 500ms, noon), "now");
  EXPECT_EQ(relative(noon - 3s, noon), "3s ago");
  EXPECT_EQ(relative(noon + 2h + 5min, noon), "in 2h05m");
  EXPECT_NE(relative(TimePoint::min(), TimePoint::max()), "");
}

TEST(Durations, AreShownShort) {
  EXPECT_EQ(human(0us), "0s");
  EXPECT_EQ(human(250ms), "250ms");
  EXPECT_EQ(human(1500ms), "1.5s");
  EXPECT_EQ(human(59s), "59s");
  EXPECT_EQ(human(1min), "1m");
  EXPECT_EQ(human(2h + 5min), "2h05m");
  EXPECT_EQ(human(76h), "3d4h");
  EXPECT_EQ(human(-3s), "-3s");
  EXPECT_NE(human(Duration::min()), "");
}

TEST(Counts, HaveCommasAndSayThatThereAreMore) {
  EXPECT_EQ(human(0), "0");
  EXPECT_EQ(human(999), "999");
  EXPECT_EQ(human(1'234'567), "1,234,567");
  EXPECT_EQ(human(10'000, true), "10,000+");
}

TEST(Counts, HaveTheirNoun) {
  EXPECT_EQ(counted(0, "job"), "0 jobs");
  EXPECT_EQ(counted(1, "job"), "1 job");
  EXPECT_EQ(counted(1, "job", true), "1+ jobs");
  EXPECT_EQ(counted(1234, "finished job"), "1,234 finished jobs");
}

TEST(Durations, AreReadWithUnitsOnly) {
  EXPECT_EQ(parse_duration("90s"), 90s);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("7d"), 168h);
  EXPECT_EQ(parse_duration("1w"), 168h);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  for (const char* wrong : {"", "5", "s", "5x", "-5s", "5 s", "1.5h", "99999999999999999w"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

TEST(Times, AreReadInUtcOrFromNow) {
  EXPECT_EQ(parse_time("2026-11-29T12:00:00Z", {}), noon);
  EXPECT_EQ(parse_time("2026-11-29 12:00", {}), noon);
  EXPECT_EQ(parse_time("2026-11-29", {}), noon - 12h);
  EXPECT_EQ(parse_time("2026-11-29T12:00:00.25Z", {}), noon + 250ms);
  EXPECT_EQ(parse_time("@1795953600", {}), noon);
  EXPECT_EQ(parse_time("+10m", noon), noon + 10min);
  EXPECT_EQ(parse_time("-7d", noon), noon - 168h);
  for (const char* wrong : {"", "2026-13-01", "2026-02-30", "2026-11-29T24:00", "2026-11-29x", "12:00", "+", "@"}) {
    EXPECT_FALSE(parse_time(wrong, noon)) << wrong;
  }
}

TEST(Secrets, AreNotShown) {
  EXPECT_EQ(without_passwords("postgresql://ada:s3cr3t@host/db"), "postgresql://ada:***@host/db");
  EXPECT_EQ(without_passwords("postgresql://ada:s3/c@r3t@host/db"), "postgresql://ada:***@host/db");
  EXPECT_EQ(without_passwords("postgresql://host/db?user=ada&password=s3cr3t&x=1"),
            "postgresql://host/db?user=ada&password=***&x=1");
  EXPECT_EQ(without_passwords("postgres:host=h PassWord='s3 c\\'r3t' user=a"), "postgres:host=h PassWord=*** user=a");
  EXPECT_EQ(without_passwords("mysql://a:b@h/d to mysql://c:d@h/d"), "mysql://a:***@h/d to mysql://c:***@h/d");
  EXPECT_EQ(without_passwords("sqlite:///srv/jobs.db?wait=30s"), "sqlite:///srv/jobs.db?wait=30s");
  EXPECT_EQ(without_passwords("postgresql://ada@host/db"), "postgresql://ada@host/db");
  EXPECT_EQ(without_passwords("mysql://ada:a b@host/db?password=c d&x=1", true),
            "mysql://ada:***@host/db?password=***&x=1");
  EXPECT_EQ(without_passwords("postgres:password=a b user=c", true), "postgres:password=*** user=c");
  EXPECT_EQ(without_passwords_of("-dmysql://ada:a b@host", "no 'mysql://ada:a b@host' a b"),
            "no 'mysql://ada:***@host' a b");
  std::string word = "--database=mysql://ada:s3cr3t@host/db";
  blank_passwords(word.data());
  EXPECT_EQ(word, "--database=mysql://ada:******@host/db");
}

// --------------------------------------------------------------------------------------------------- records

std::string shown(Look look, const std::vector<std::vector<Value>>& rows) {
  std::ostringstream out;
  Records records(out, look, {{"name"}, {"jobs", Column::right}, {"at"}, {"hidden", Column::left, Column::in_data}});
  for (const auto& row : rows) records.add(row);
  records.finish();
  return out.str();
}
Look as(Format format, std::size_t columns = 0) { return {.format = format, .width = columns, .now = noon}; }

const std::vector<std::vector<Value>> two{
    {"mail", Value::Count{10'000, true}, noon - 3s, Value::Json{"[1,\n2]"}},
    {"a\x1b[0m\n\"b\",c", Value::Count{7}, {}, true},
};

TEST(RecordForms, TableHasNoControlCharactersAndNoHiddenColumns) {
  EXPECT_EQ(shown(as(Format::table), two),
            "NAME                JOBS  AT\n"
            "mail             10,000+  3s ago\n"
            "a\\x1b[0m\\n\"b\",c        7  -\n");
}

TEST(RecordForms, TableFitsTheTerminal) {
  std::istringstream lines(shown(as(Format::table, 30), two));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(width(line), 30U) << line;
}

TEST(RecordForms, JsonIsOneArray) {
  const auto read = nlohmann::json::parse(shown(as(Format::json), two));
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0], (nlohmann::json{{"name", "mail"},
                                     {"jobs", 10'000},
                                     {"jobs_capped", true},
                                     {"at", "2026-11-29T11:59:57.000000Z"},
                                     {"hidden", {1, 2}}}));
  EXPECT_EQ(read[1]["name"], "a\x1b[0m\n\"b\",c");
  EXPECT_EQ(read[1]["at"], nullptr);
  EXPECT_EQ(nlohmann::json::parse(shown(as(Format::json), {})), nlohmann::json::array());
}

TEST(RecordForms, JsonLinesAreOneLineEach) {
  std::istringstream lines(shown(as(Format::jsonl), two));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  EXPECT_EQ(count, 2U);
}

TEST(RecordForms, CsvQuotesWhatItMust) {
  EXPECT_EQ(shown(as(Format::csv), two),
            "name,jobs,at,hidden\r\n"
            "mail,10000+,2026-11-29T11:59:57.000000Z,\"[1,\n2]\"\r\n"
            "\"a\x1b[0m\n\"\"b\"\",c\",7,,true\r\n");
}

TEST(RecordForms, WhatIsNoUtf8DoesNotBreakJson) {
  const std::string text = shown(as(Format::json), {{"\xff", {}, {}, {}}});
  EXPECT_TRUE(nlohmann::json::accept(text)) << text;
}

TEST(RecordForms, ManyRowsAreWrittenAsTheyCome) {
  std::ostringstream out;
  Records records(out, as(Format::table), {{"n", Column::right}});
  for (int i = 0; i < 1000; ++i) records.add({i});
  const auto before = out.str().size();
  EXPECT_GT(before, 0U);
  records.add({12'345'678});
  EXPECT_GT(out.str().size(), before);
  records.finish();
  EXPECT_EQ(records.count(), 1001U);
}

TEST(RecordForms, OneRecordIsAListOrAnObject) {
  const std::vector<Column> columns{{"name"}, {"created_at"}};
  std::ostringstream table;
  print_record(table, as(Format::table), columns, {"mail", noon - 3s});
  EXPECT_EQ(table.str(), "name        mail\ncreated_at  2026-11-29T11:59:57.000000Z  3s ago\n");
  std::ostringstream json;
  print_record(json, as(Format::json), columns, {"mail", {}});
  EXPECT_EQ(json.str(), "{\n  \"name\": \"mail\",\n  \"created_at\": null\n}\n");
}

}  // namespace
}  // namespace sqlq::tool
