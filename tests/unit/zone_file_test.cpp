#include <string>

#include <gtest/gtest.h>

#include "core/zone_file.hpp"
#include "support/expect_error.hpp"

namespace sqlq::core {
namespace {

using std::chrono::seconds;
using sqlq::testing::expect_error;

std::string big(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(number >> (8 * i) & 0xffU);
  return text;
}

/// RFC 8536: an empty first part, then one with a change each to +1 h and +2 h, and a last line.
std::string file(const std::string& last_line, char version = '2', unsigned kind = 1) {
  const std::string begin = std::string("TZif") + version + std::string(15, '\0');
  const std::string none = begin + big(0, 4) + big(0, 4) + big(0, 4) + big(0, 4) + big(1, 4) + big(0, 4) + big(0, 6);
  const std::string counts = big(0, 4) + big(0, 4) + big(0, 4) + big(2, 4) + big(2, 4) + big(4, 4);
  const std::string changes = big(static_cast<std::uint64_t>(-1000), 8) + big(5000, 8);
  const std::string kinds = big(3600, 4) + big(0, 2) + big(7200, 4) + big(0, 2);
  return none + begin + counts + changes + big(0, 1) + big(kind, 1) + kinds + std::string("CET\0", 4) + "\n" +
         last_line + "\n";
}

TEST(ZoneFile, SaysWhatHoldsWhen) {
  const auto read = ZoneFile::parse(file("EET-2"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->last_change(), UtcSeconds(seconds(5000)));
  const Zone zone = read->zone();
  EXPECT_EQ(zone.span(UtcSeconds(seconds(-2000))).offset, seconds(3600));
  EXPECT_EQ(zone.span(UtcSeconds(seconds(4999))).offset, seconds(3600));
  EXPECT_EQ(zone.span(UtcSeconds(seconds(4999))).end, UtcSeconds(seconds(5000)));
  EXPECT_EQ(zone.span(UtcSeconds(seconds(5000))).offset, seconds(7200));
  EXPECT_EQ(zone.span(UtcSeconds(seconds(40'000'000'000))).offset, seconds(7200));
  EXPECT_TRUE(read->tail());
  EXPECT_FALSE(ZoneFile::parse(file(""))->tail());
}

TEST(ZoneFile, WhatIsNoneIsRefused) {
  const std::string whole = file("EET-2");
  EXPECT_FALSE(ZoneFile::parse(""));
  EXPECT_FALSE(ZoneFile::parse("TZif2\n"));
  EXPECT_FALSE(ZoneFile::parse(file("EET-2", '\0'))) << "of 32 bits only";
  EXPECT_FALSE(ZoneFile::parse(file("EET-2", '2', 2))) << "a kind of time that there is not";
  for (std::size_t size = 0; size + 8 < whole.size(); ++size) {
    EXPECT_FALSE(ZoneFile::parse(whole.substr(0, size))) << size;
  }
}

TEST(ZoneFile, NamesLeadNowhereElse) {
  for (const char* name : {"../../etc/passwd", "/etc/passwd", "Europe/../../x", "", "a b", "C:x"}) {
    expect_error(Errc::invalid_argument, "there is no time zone", [&] { ZoneFile::read(name); });
  }
  expect_error(Errc::invalid_argument, "did you mean Europe/Berlin?", [] { ZoneFile::read("Europe/Berln"); });
}

TEST(ZoneFile, GivesWhatTheSystemGives) {
  for (const char* name : {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Etc/GMT+5"}) {
    const Zone read = ZoneFile::read(name).zone();
    const auto known = Zone::find(name);
    for (std::int64_t year = 1971; year < 2105; ++year) {
      for (const std::int64_t day : {10, 85, 95, 180, 275, 305}) {
        const UtcSeconds at{seconds(((year - 1970) * 365 + day) * 86400)};
        EXPECT_EQ(read.span(at).offset, known->span(at).offset) << name << ' ' << year << ' ' << day;
      }
    }
  }
}

}  // namespace
}  // namespace sqlq::core
