// Ticks as text: printed in their zone, and read as they were written.

#include <sstream>

#include <gtest/gtest.h>

#include "core/tick_text.hpp"

namespace sqlq::core {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint tick_year = std::chrono::sys_days(std::chrono::year(2024) / 1 / 1);

TEST(TickText, ShowsTheLocalTimeAndItsOffset) {
  EXPECT_EQ(tick_text({tick_year, 0s}), "2024-01-01T00:00:00+00:00");
  EXPECT_EQ(tick_text({tick_year, 1h}), "2024-01-01T01:00:00+01:00");
  EXPECT_EQ(tick_text({tick_year, -30min}), "2023-12-31T23:30:00-00:30");
  EXPECT_EQ(tick_text({tick_year, 53min + 28s}), "2024-01-01T00:53:28+00:53:28");
  EXPECT_EQ(tick_text({tick_year + 500ms, 0s}), "2024-01-01T00:00:00.5+00:00");
  EXPECT_EQ(tick_text({tick_year - 1us, 0s}), "2023-12-31T23:59:59.999999+00:00");
  std::ostringstream out;
  out << Tick{tick_year, 1h};
  EXPECT_EQ(out.str(), "2024-01-01T01:00:00+01:00");
}

TEST(TickText, IsReadAsItWasWritten) {
  for (const TimePoint at : {tick_year, tick_year + 12345678us, tick_year + 10us, TimePoint{}, TimePoint{} - 1us,
                             tick_year - 24h * 800'000, tick_year + 24h * 2'900'000, tick_year + 24h * 50'000'000}) {
    for (const std::chrono::seconds offset : {0s, 3600s, -1800s, 20'700s, 3208s, -44'100s}) {
      const Tick tick{at, offset};
      EXPECT_EQ(parse_tick(tick_text(tick)), tick) << tick_text(tick);
    }
  }
  EXPECT_EQ(parse_tick("2024-01-01T00:00:00Z"), (Tick{tick_year, 0s}));
}

TEST(TickText, OtherTextsAreNone) {
  for (const char* text : {"", "2024-01-01", "2024-01-01T00:00:00", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z",
                           "2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-01T24:00:00Z",
                           "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z", "2024-01-01T00:00:00.Z",
                           "2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00ZZ", "24-01-01T00:00:00Z",
                           "2024-01-01 00:00:00Z", "+2024-01-01T00:00:00Z", "2024-01-01T00:00:00+1:00",
                           "2024-01-01T00:00:00+01", "2024-01-01T00:00:00+01:00:0", "2024-01-01T00:00:00+01:60",
                           "2024-01-01T00:00:00Z+01:00", "999999-01-01T00:00:00Z",
                           "99999999999999999999-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_tick(text)) << text;
  }
}

}  // namespace
}  // namespace sqlq::core
