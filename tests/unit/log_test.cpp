#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/log.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/testing/manual_clock.hpp>

#include "support/expect_error.hpp"
#include "support/fake_dialect.hpp"

namespace sqlq {
namespace {

using testing::error_of;
using testing::FakeDatabase;
using testing::FakeDialect;

class LogDialect final : public FakeDialect {
 public:
  bool away = false;
  std::string refused{};    ///< a batch with this text in it is refused for good
  bool of_all = false;      ///< also when it was made ASCII
  std::vector<std::size_t> batches;
  std::vector<LogLine> stored;

  std::vector<bool> append_logs(std::span<const LogLine> lines) override {
    if (away) throw Error(Errc::connection, "the database is away");
    for (const LogLine& line : lines) {
      const bool bad = !refused.empty() && line.text.find(refused) != std::string::npos;
      if (bad || (of_all && line.text.find('?') != std::string::npos)) throw Error(Errc::refused, "wrong encoding");
    }
    batches.push_back(lines.size());
    stored.insert(stored.end(), lines.begin(), lines.end());
    return std::vector<bool>(lines.size(), true);
  }
};

using LogFake = FakeDatabase<LogDialect>;

Job job_of(std::int64_t token) {
  Job job;
  job.id = JobId::make(system_clock()->now());
  job.lease_token = LeaseToken{token};
  job.claims = 7;
  job.attempt = 2;
  return job;
}

void expect_numbers(const std::vector<LogLine>& lines, std::size_t count) {
  ASSERT_EQ(lines.size(), count);
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(lines[i].number, static_cast<std::int64_t>(i + 1));
}

TEST(JobLogger, FillsLinesAndNumbersThem) {
  std::vector<LogLine> lines;
  const auto clock = std::make_shared<testing::ManualClock>();
  const Job job = job_of(5);
  JobLogger log(job, make_log_sink([&](const LogLine& line) { lines.push_back(line); }), clock);
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error(std::string_view("d\0\xFF", 3));
  expect_numbers(lines, 4);
  EXPECT_EQ(lines[0].job, job.id);
  EXPECT_EQ(lines[0].token, job.lease_token);
  EXPECT_EQ(lines[0].claim, 7);
  EXPECT_EQ(lines[0].attempt, 2);
  EXPECT_EQ(lines[0].at, clock->now());
  EXPECT_EQ(lines[0].level, LogLevel::debug);
  EXPECT_EQ(lines[3].level, LogLevel::error);
  EXPECT_EQ(lines[3].text, "d\xEF\xBF\xBD\xEF\xBF\xBD");
  log.info(std::string(20'000, 'x'));
  EXPECT_EQ(lines[4].text.size(), std::size_t{16} << 10);
}

TEST(JobLogger, PutsValuesInThePlaceOfBraces) {
  std::vector<std::string> texts;
  Job job = job_of(5);
  job.queue = "mail";
  job.kind = "send";
  std::vector<std::string> jobs;
  const auto sink = make_log_sink([&](const LogLine& line) {
    texts.push_back(line.text);
    jobs.push_back(line.queue + "/" + line.kind);
  });
  JobLogger log(job, sink);
  log.info("{} of {} sent", 3, 4U);
  log.warn("{}", "a text");
  log.error("{} {} {}", true, JobState::errored, std::string("s"));
  log.debug("{{}} stays, {}, and {}", 1.5);
  log.info("left over:", 1, 2);
  log.write(LogLevel::info, "{}", job.id);
  log.info("{}");
  EXPECT_EQ(texts, (std::vector<std::string>{"3 of 4 sent", "a text", "true errored s", "{} stays, 1.5, and {}",
                                             "left over: 1 2", job.id.to_string(), "{}"}));
  EXPECT_EQ(jobs.front(), "mail/send");
}

TEST(JobLogger, OneJobsLinesComeInOrderFromManyThreads) {
  std::vector<LogLine> lines;  // not locked: the logger lets one line through at a time
  JobLogger log(job_of(5), make_log_sink([&](const LogLine& line) { lines.push_back(line); }));
  {
    std::vector<sqlq::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([log]() mutable {
        for (int j = 0; j < 500; ++j) log.info("x");
      });
    }
  }
  expect_numbers(lines, 2000);
}

TEST(JobLogger, CountsItsLinesWithThoseOfItsCopies) {
  JobLogger log(job_of(5), make_log_sink([](const LogLine&) {}));
  EXPECT_EQ(log.lines(), 0);
  JobLogger(log).info("one");
  log.info("two");
  EXPECT_EQ(log.lines(), 2);
}

TEST(JobLogger, NeedsASinkAndAClock) {
  EXPECT_FALSE(error_of(Errc::invalid_argument, [] { JobLogger(job_of(1), nullptr); }).empty());
  EXPECT_FALSE(error_of(Errc::invalid_argument, [] { static_cast<void>(make_log_sink({})); }).empty());
}

TEST(DatabaseLogSink, SendsBatchesInOrder) {
  LogFake f;
  const auto sink = database_log_sink(f.db);
  JobLogger log(job_of(5), sink);
  for (int i = 0; i < 2500; ++i) log.info("x");
  EXPECT_TRUE(f.fake.stored.empty()) << "write never touches the database";
  sink->flush();
  EXPECT_EQ(f.fake.batches, (std::vector<std::size_t>{1000, 1000, 500}));
  expect_numbers(f.fake.stored, 2500);
  sink->flush();
  EXPECT_EQ(f.fake.batches.size(), 3U) << "nothing waits, nothing is sent";
}

TEST(DatabaseLogSink, AFailedFlushKeepsLinesAndOrder) {
  LogFake f;
  const auto sink = database_log_sink(f.db);
  JobLogger log(job_of(5), sink);
  for (int i = 0; i < 1500; ++i) log.info("x");
  f.fake.away = true;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(error_of(Errc::connection, [&] { sink->flush(); }).empty());
  for (int i = 0; i < 10; ++i) log.info("y");
  f.fake.away = false;
  sink->flush();
  expect_numbers(f.fake.stored, 1510);
}

TEST(DatabaseLogSink, AsksForAFlushWhenABatchIsFull) {
  LogFake f;
  const auto sink = database_log_sink(f.db);
  JobLogger log(job_of(5), sink);
  int asked = 0;
  sink->set_flush_hint([&] { ++asked; });
  for (int i = 0; i < 999; ++i) log.info("x");
  EXPECT_EQ(asked, 0);
  log.info("x");
  EXPECT_EQ(asked, 1);
  sink->set_flush_hint({});
  for (int i = 0; i < 1000; ++i) log.info("x");
  EXPECT_EQ(asked, 1);
}

TEST(DatabaseLogSink, DropsWhenTooManyWaitAndSaysSo) {
  LogFake f;
  const auto sink = database_log_sink(f.db);
  JobLogger flood(job_of(5), sink);
  JobLogger other(job_of(6), sink);
  for (int i = 0; i < 100'000; ++i) flood.info("x");
  for (int i = 0; i < 42; ++i) flood.info("lost");
  other.info("lost");
  f.fake.away = true;
  for (int i = 0; i < 3; ++i) EXPECT_THROW(sink->flush(), Error);
  flood.info("lost");
  f.fake.away = false;
  sink->flush();
  ASSERT_EQ(f.fake.stored.size(), 100'002U) << "all that fitted, and one line for each execution that lost some";
  const auto told = [&](std::int64_t token) {
    return *std::find_if(f.fake.stored.begin(), f.fake.stored.end(), [&](const LogLine& line) {
      return line.level == LogLevel::warn && line.token.value == token;
    });
  };
  EXPECT_TRUE(told(5).text.ends_with("dropped here, because too many waited for the database: 43")) << told(5).text;
  EXPECT_EQ(told(5).number, 100'001) << "it stands where the first dropped line would";
  EXPECT_TRUE(told(6).text.ends_with(": 1"));
  EXPECT_TRUE(std::none_of(f.fake.stored.begin(), f.fake.stored.end(), [](auto& line) { return line.text == "lost"; }));
  flood.info("again");
  sink->flush();
  EXPECT_EQ(f.fake.stored.back().text, "again");
  EXPECT_EQ(f.fake.stored.back().number, 100'044);
}

TEST(DatabaseLogSink, DropsWhenTooMuchTextWaits) {
  LogFake f;
  const auto sink = database_log_sink(f.db);
  JobLogger flood(job_of(5), sink);
  const std::string longest(16 * 1024, 'x');
  constexpr std::size_t fit = 64 * 1024 / 16;
  for (int round = 1; round <= 2; ++round) {
    f.fake.stored.clear();
    for (std::size_t i = 0; i < fit; ++i) flood.info(longest);
    flood.info("lost");
    f.fake.away = true;
    EXPECT_THROW(sink->flush(), Error);
    flood.info("lost");
    f.fake.away = false;
    sink->flush();
    ASSERT_EQ(f.fake.stored.size(), fit + 1) << "round " << round;
    EXPECT_TRUE(f.fake.stored.back().text.ends_with(": 2")) << f.fake.stored.back().text;
  }
}

TEST(DatabaseLogSink, CleansLinesMadeByHand) {
  LogFake f;
  const auto sink = database_log_sink(f.db);
  LogLine line;
  line.text = std::string("a\0b", 3);
  sink->write(line);
  sink->flush();
  EXPECT_EQ(f.fake.stored.at(0).text, "a\xEF\xBF\xBD" "b");
}

TEST(DatabaseLogSink, WritersAndFlushersMeet) {
  LogFake f;
  const auto sink = database_log_sink(f.db);
  std::atomic<int> asked{0};
  sink->set_flush_hint([&] { ++asked; });
  std::vector<Job> jobs{job_of(1), job_of(2), job_of(3)};
  {
    std::vector<sqlq::jthread> threads;
    for (const Job& job : jobs) {
      threads.emplace_back([&sink, &job] {
        JobLogger log(job, sink);
        for (int i = 0; i < 3000; ++i) log.info("x");
      });
    }
    for (int i = 0; i < 50; ++i) sink->flush();
  }
  sink->flush();
  for (const Job& job : jobs) {
    std::vector<LogLine> own;
    std::copy_if(f.fake.stored.begin(), f.fake.stored.end(), std::back_inserter(own),
                 [&](const LogLine& line) { return line.job == job.id; });
    expect_numbers(own, 3000);
  }
}

TEST(DatabaseLogSink, ALineThatIsRefusedForGoodIsStoredAsAsciiAndHoldsNoOtherBack) {
  LogFake f;
  f.fake.refused = "\xE2\x82\xAC";
  const auto sink = database_log_sink(f.db);
  std::vector<std::pair<JobId, std::string>> said;
  sink->set_report([&](JobId job, std::string_view why) { said.emplace_back(job, why); });
  const Job job = job_of(5);
  JobLogger log(job, sink);
  for (int i = 0; i < 700; ++i) log.info("before");
  log.info("price in \xE2\x82\xAC");
  JobLogger innocent(job_of(6), sink);
  for (int i = 0; i < 800; ++i) innocent.info("after");
  sink->flush();
  ASSERT_EQ(f.fake.stored.size(), 1501U) << "innocents harmed: 0";
  const auto at = std::ranges::find(f.fake.stored, "price in ?", &LogLine::text);
  ASSERT_NE(at, f.fake.stored.end());
  EXPECT_EQ(at->number, 701);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].first, job.id);
  EXPECT_NE(said[0].second.find("wrong encoding"), std::string::npos);
  sink->flush();
  EXPECT_EQ(f.fake.stored.size(), 1501U) << "nothing waits any more";
}

TEST(DatabaseLogSink, ALineThatIsRefusedInAnyFormIsLeftOutAndTold) {
  LogFake f;
  f.fake.refused = "\xE2\x82\xAC";
  f.fake.of_all = true;
  const auto sink = database_log_sink(f.db);
  int said = 0;
  sink->set_report([&](JobId, std::string_view why) {
    EXPECT_TRUE(why.ends_with("left out")) << why;
    ++said;
  });
  JobLogger log(job_of(5), sink);
  log.info("\xE2\x82\xAC");
  sink->flush();
  log.info("next");
  sink->flush();
  ASSERT_EQ(f.fake.stored.size(), 1U);
  EXPECT_EQ(f.fake.stored[0].text, "next");
  EXPECT_EQ(said, 1);
}

TEST(JobLogger, WhatASinkThrowsReachesNobodyWhoWritesALine) {
  bool broken = true;
  std::vector<LogLine> lines;
  JobLogger log(job_of(5), make_log_sink([&](const LogLine& line) {
                  if (broken) throw std::runtime_error("the sink is full");
                  lines.push_back(line);
                }));
  EXPECT_NO_THROW(log.info("a"));
  EXPECT_NO_THROW(log.error("b"));
  broken = false;
  log.info("c");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].number, 3) << "what is missing can be seen";
}

}  // namespace
}  // namespace sqlq
