#include <algorithm>
#include <cctype>
#include <string>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/job.hpp>
#include <sqlq/stop_token.hpp>

namespace sqlq {
namespace {

using namespace std::chrono_literals;

std::int64_t milliseconds_of(JobId id) {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = (ms << 8) | id.bytes()[i];
  return ms;
}

// Later than any other test's, because ids of one process never go back.
TimePoint base() { return TimePoint(std::chrono::sys_days(std::chrono::year(2100) / 1 / 1)); }

TEST(JobId, IsAVersion7Uuid) {
  const JobId id = JobId::make(base());
  EXPECT_EQ(id.bytes()[6] >> 4, 7);
  EXPECT_EQ(id.bytes()[8] >> 6, 2);
  EXPECT_FALSE(id.nil());
}

TEST(JobId, HasTheMillisecondsOfItsMoment) {
  static int turn = 0;  // the test may be repeated
  const TimePoint later = base() + 24h * ++turn;
  EXPECT_EQ(milliseconds_of(JobId::make(later)), later.time_since_epoch() / 1ms);
}

TEST(JobId, TakesASystemTimeOfAnyUnit) {
  EXPECT_FALSE(JobId::make(std::chrono::system_clock::time_point(1h)).nil());
  EXPECT_FALSE(JobId::make(std::chrono::sys_time<std::chrono::nanoseconds>(1ns)).nil());
  EXPECT_FALSE(JobId::make(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)).nil());
  EXPECT_EQ(to_time_point(std::chrono::sys_time<std::chrono::nanoseconds>(1ns)), TimePoint(1us));
  EXPECT_EQ(to_time_point(std::chrono::sys_time<std::chrono::hours>::max()), TimePoint::max());
}

TEST(JobId, TextGoesBothWays) {
  const JobId id = JobId::make(base());
  std::string text = id.to_string();
  EXPECT_EQ(text.size(), 36U);
  EXPECT_EQ(JobId::parse(text), id);
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(JobId::parse(text), id);
  EXPECT_EQ(JobId{}.to_string(), "00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(JobId::parse("01234567-89ab-7def-8123-456789abcdef")->to_string(), "01234567-89ab-7def-8123-456789abcdef");
}

TEST(JobId, RefusesOtherTexts) {
  for (const char* text : {"", "0", "01234567-89ab-7def-8123-456789abcde", "01234567-89ab-7def-8123-456789abcdef0",
                           "01234567089ab-7def-8123-456789abcdef", "0123456g-89ab-7def-8123-456789abcdef",
                           "0123456789ab-7def-8123-456789abcdef-", "{1234567-89ab-7def-8123-456789abcdef"}) {
    EXPECT_FALSE(JobId::parse(text)) << text;
  }
}

TEST(JobId, IncreasesWithinOneMoment) {
  JobId last = JobId::make(base());
  for (int i = 0; i < 20'000; ++i) {  // more than the counter holds: it carries into the milliseconds
    const JobId next = JobId::make(base());
    ASSERT_LT(last, next);
    last = next;
  }
}

TEST(JobId, IncreasesThoughTheClockGoesBack) {
  JobId last = JobId::make(base());
  for (const Duration step : {Duration(-1us), Duration(-1h), Duration(-1'000'000h), Duration(5ms), Duration(0)}) {
    const JobId next = JobId::make(base() + step);
    EXPECT_LT(last, next);
    last = next;
  }
  EXPECT_LT(last, JobId::make(TimePoint::min()));
}

TEST(JobId, IsUniqueAndOrderedPerThread) {
  constexpr std::size_t per_thread = 20'000;
  std::vector<std::vector<JobId>> made(8);
  {
    std::vector<sqlq::jthread> threads;
    for (auto& ids : made) {
      threads.emplace_back([&ids] {
        for (std::size_t i = 0; i < per_thread; ++i) ids.push_back(JobId::make(base() + Duration(i)));
      });
    }
  }
  std::unordered_set<JobId> all;
  for (const auto& ids : made) {
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    all.insert(ids.begin(), ids.end());
  }
  EXPECT_EQ(all.size(), made.size() * per_thread);
}

TEST(JobStateNames, GoBothWays) {
  for (int i = 1; i <= 7; ++i) {
    const auto state = static_cast<JobState>(i);
    EXPECT_EQ(parse_job_state(to_string(state)), state);
  }
  EXPECT_EQ(to_string(JobState::cancelling), "cancelling");
  EXPECT_EQ(to_string(JobState::scheduled), "scheduled");
  EXPECT_EQ(parse_job_state("Running"), JobState::invalid);
  EXPECT_EQ(parse_job_state(""), JobState::invalid);
  EXPECT_EQ(to_string(static_cast<JobState>(99)), "unknown");
}

}  // namespace
}  // namespace sqlq
