#include <string>

#include <gtest/gtest.h>

#include "core/words.hpp"

namespace sqlq::core {
namespace {

using namespace std::chrono_literals;

TEST(Words, TextIsOneLineWithoutControlCharacters) {
  const std::string wide = "plain h\xC3\xA4rte \xE2\x82\xAC \xF0\x9F\x98\x80";
  EXPECT_EQ(one_line(wide), wide);
  EXPECT_EQ(one_line(std::string("a\n\r\tb\0\x1b\x7f", 8)), "a\\n\\r\\tb\\x00\\x1b\\x7f");
  EXPECT_EQ(one_line("\xC2\x9B" "2J"), "\\u009b2J");
  EXPECT_EQ(one_line("\xE2\x80\xAE" "txt\xE2\x80\xA8"), "\\u202etxt\\u2028");
  EXPECT_EQ(one_line("cut \xC3"), "cut \\xc3");
}

TEST(Words, LongTextIsCutBetweenCharacters) {
  EXPECT_EQ(one_line("123456789", 9), "123456789");
  EXPECT_EQ(one_line("1234567890", 9), "123456...");
  EXPECT_EQ(one_line("12345\xC3\xA4" "67890", 9), "12345...");
  EXPECT_EQ(one_line("12345\n67890", 9), "12345...");
}

TEST(Words, NamesInQuotesAndOnACommandLine) {
  EXPECT_EQ(quoted("mail"), "'mail'");
  EXPECT_EQ(quoted("a\nb"), "'a\\nb'");
  EXPECT_EQ(shell_word("mail-2.high"), "mail-2.high");
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$(reboot)"), "'$(reboot)'");
  EXPECT_EQ(shell_word("-f"), "'-f'");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a\xe2\x80\xae`'\\"), "$'a\\xe2\\x80\\xae\\x60\\'\\\\'");
  EXPECT_EQ(core::shell_operand("-f"), "-- '-f'");
  EXPECT_EQ(core::shell_operand("f"), "f");
  EXPECT_EQ(core::shell_item("a,b"), "'a\\,b'");
}

TEST(Words, DurationsForPeople) {
  EXPECT_EQ(in_words(Duration(0)), "0 s");
  EXPECT_EQ(in_words(Duration(1500)), "1 ms");
  EXPECT_EQ(in_words(Duration(59s)), "59 s");
  EXPECT_EQ(in_words(Duration(60s)), "1 min");
  EXPECT_EQ(in_words(Duration(200s)), "3 min 20 s");
  EXPECT_EQ(in_words(Duration(2h + 5min + 59s)), "2 h 5 min");
  EXPECT_EQ(in_words(Duration(76h)), "3 d 4 h");
  EXPECT_EQ(in_words(Duration(-90s)), "1 min 30 s");
  EXPECT_EQ(in_words(Duration::min()), in_words(Duration::max()));
}

TEST(Words, TimesForPeople) {
  EXPECT_EQ(in_words(TimePoint(Duration(0))), "1970-01-01 00:00:00 UTC");
  EXPECT_EQ(in_words(TimePoint(std::chrono::seconds(1'795'969'205))), "2026-11-29 16:20:05 UTC");
  EXPECT_EQ(in_words(TimePoint(Duration(-1))), "1969-12-31 23:59:59 UTC");
  EXPECT_EQ(in_words(TimePoint::max()), "a time after the year 9999");
  EXPECT_EQ(in_words(TimePoint::min()), "a time before the year 0");
}

}  // namespace
}  // namespace sqlq::core
