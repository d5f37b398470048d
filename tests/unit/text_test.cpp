#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/text.hpp"

namespace sqlq::core {
namespace {

constexpr std::string_view euro = "\xE2\x82\xAC";

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_EQ(find_invalid_utf8(""), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8("plain text, longer than eight bytes"), std::string_view::npos);
  for (const char* good : {"\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80",
                           "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(find_invalid_utf8(good), std::string_view::npos) << good;
  }
  EXPECT_EQ(find_invalid_utf8("12345678\x80"), 8U);
  EXPECT_EQ(find_invalid_utf8("1234567\xE2\x82"), 7U);
  for (const char* bad : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3(", "\xE2\x82(", "\xF0\x9F\x98("}) {
    EXPECT_EQ(find_invalid_utf8(bad), 0U) << bad;
  }
}

TEST(CutText, CutsWhereACharacterBegins) {
  const std::string text = "a" + std::string(euro) + "b";
  EXPECT_EQ(cut_text(text, 5), text);
  EXPECT_EQ(cut_text(text, 4), "a" + std::string(euro));
  EXPECT_EQ(cut_text(text, 3), "a");
  EXPECT_EQ(cut_text(text, 2), "a");
  EXPECT_EQ(cut_text(text, 0), "");
}

TEST(CleanText, LeavesGoodTextAlone) {
  EXPECT_EQ(clean_text("line\n\ttab \xC3\xA9", 100), "line\n\ttab \xC3\xA9");
}

TEST(CleanText, ReplacesWhatDatabasesRefuse) {
  EXPECT_EQ(clean_text(std::string_view("a\0b", 3), 100), "a\xEF\xBF\xBD" "b");
  EXPECT_EQ(clean_text("a\xFF\xE2\x82z", 100), "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST(CleanText, CutsAtACharacterAndNeverGrowsBeyond) {
  EXPECT_EQ(clean_text("abc" + std::string(euro), 5), "abc");
  EXPECT_EQ(clean_text(std::string(100, '\xFF'), 10), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  const std::string clean = clean_text(std::string(1000, '\0') + std::string(1000, 'x'), 64);
  EXPECT_LE(clean.size(), 64U);
  EXPECT_TRUE(is_clean_text(clean, 64));
}

TEST(AsciiText, HasAQuestionMarkForEachCharacterThatIsNot) {
  EXPECT_EQ(ascii_text("price in \xE2\x82\xAC\n", 100), "price in ?\n");
  EXPECT_EQ(ascii_text("\xFF\xC3", 100), "??");
  EXPECT_EQ(ascii_text(std::string_view("a\0\x7F" "b\t", 5), 100), "a??b\t");
  EXPECT_EQ(ascii_text("abcdef", 3), "abc");
}

TEST(Joined, HasTheSeparatorBetweenPartsOnly) {
  EXPECT_EQ(joined({}, ", "), "");
  EXPECT_EQ(joined(std::vector<std::string>{"a"}, ", "), "a");
  EXPECT_EQ(joined(std::vector<std::string>{"a", "", "b"}, ", "), "a, , b");
}

}  // namespace
}  // namespace sqlq::core
