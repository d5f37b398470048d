// The job's log: in order, complete, not doubled, and only from the holder of the lease.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

LogLine line(const Job& job, std::int64_t number, std::string text = "line") {
  return {.job = job.id,
          .token = job.lease_token,
          .claim = job.claims,
          .attempt = job.attempt,
          .number = number,
          .at = job.created_at,
          .level = LogLevel::info,
          .text = std::move(text)};
}

std::vector<std::int64_t> numbers(const std::vector<LogLine>& lines) {
  std::vector<std::int64_t> found;
  for (const LogLine& l : lines) found.push_back(l.number);
  return found;
}

}  // namespace

TEST_P(JobLog, AThousandLinesInOrder) {
  const JobId id = enqueue();
  const std::shared_ptr<LogSink> sink = database_log_sink(db());
  JobLogger log{take(), sink, shared_clock()};
  for (int i = 0; i < 1000; ++i) log.info("line " + std::to_string(i));
  sink->flush();

  const std::vector<LogLine> lines = admin().logs(id);
  ASSERT_EQ(lines.size(), 1000u);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].text, "line " + std::to_string(i));
    EXPECT_EQ(lines[i].number, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(lines[i].claim, 1);
    EXPECT_EQ(lines[i].attempt, 1);
    EXPECT_EQ(lines[i].job, id);
  }
}

TEST_P(JobLog, FourLevelsAndTheTime) {
  const JobId id = enqueue();
  const std::shared_ptr<LogSink> sink = database_log_sink(db());
  JobLogger log{take(), sink, shared_clock()};
  log.debug("d");
  clock().advance(1s);
  log.info("i");
  log.warn("w");
  log.error("e");
  sink->flush();
  const std::vector<LogLine> lines = admin().logs(id);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].level, LogLevel::debug);
  EXPECT_EQ(lines[1].level, LogLevel::info);
  EXPECT_EQ(lines[2].level, LogLevel::warn);
  EXPECT_EQ(lines[3].level, LogLevel::error);
  EXPECT_EQ(lines[0].at, clock().now() - 1s);
  EXPECT_EQ(lines[1].at, clock().now());
}

TEST_P(JobLog, NumbersGoBeyondSixteenAndThirtyTwoBits) {
  const JobId id = enqueue();
  const Job job = take();
  const std::vector<std::int64_t> wanted = {65535, 65536, 65537, 2147483648, 4294967296, 1LL << 53};
  std::vector<LogLine> lines;
  for (auto n = wanted.rbegin(); n != wanted.rend(); ++n) lines.push_back(line(job, *n));
  EXPECT_EQ(dialect().append_logs(lines), std::vector<bool>(wanted.size(), true));
  EXPECT_EQ(numbers(admin().logs(id)), wanted);
}

TEST_P(JobLog, AReplayIsAcceptedAndNotDoubled) {
  const JobId id = enqueue();
  const Job job = take();
  const std::vector<LogLine> first = {line(job, 1, "one"), line(job, 2, "two")};
  const std::vector<LogLine> more = {line(job, 2, "two"), line(job, 3, "three")};
  EXPECT_EQ(dialect().append_logs(first), std::vector<bool>(2, true));
  EXPECT_EQ(dialect().append_logs(first), std::vector<bool>(2, true));
  EXPECT_EQ(dialect().append_logs(more), std::vector<bool>(2, true));
  const std::vector<LogLine> lines = admin().logs(id);
  EXPECT_EQ(numbers(lines), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(lines[1].text, "two");
}

TEST_P(JobLog, StaleLinesAreRefusedOneByOne) {
  enqueue();
  const Job lost = take();
  clock().advance(31s);
  ASSERT_EQ(client().reap().total(), 1u);
  const JobId other = enqueue({.priority = 1});
  const Job held_job = take();
  ASSERT_EQ(held_job.id, other);
  EXPECT_EQ(dialect().append_logs(std::vector<LogLine>{line(lost, 7), line(held_job, 1), line(lost, 8)}),
            (std::vector<bool>{false, true, false}));
  EXPECT_EQ(admin().logs(other).size(), 1u);
  EXPECT_EQ(admin().logs(lost.id).size(), 1u) << "only the reaper's line";
}

TEST_P(JobLog, ASinkDropsTheLinesOfALostLeaseAndGoesOn) {
  const std::shared_ptr<LogSink> sink = database_log_sink(db());
  const JobId id = enqueue();
  JobLogger stale{take(), sink, shared_clock()};
  clock().advance(31s);
  ASSERT_EQ(client().reap().total(), 1u);
  JobLogger fresh{take(), sink, shared_clock()};
  stale.info("from the dead");
  fresh.info("alive");
  sink->flush();
  std::vector<std::string> texts;
  for (const LogLine& l : admin().logs(id)) texts.push_back(l.text);
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts[1], "alive");
}

TEST_P(JobLog, LinesMayArriveAfterTheJobFinished) {
  const JobId id = enqueue();
  const Job job = take();
  EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(dialect().append_logs(std::vector<LogLine>{line(job, 1)}), std::vector<bool>{true});
  EXPECT_EQ(admin().logs(id).size(), 1u);
}

TEST_P(JobLog, LinesOfSeveralExecutionsAreOrderedByExecution) {
  const JobId id = enqueue();
  const Job first = take();
  EXPECT_EQ(dialect().append_logs(std::vector<LogLine>{line(first, 500, "a")}), std::vector<bool>{true});
  client().error(first, "no", {.retry = RetryPolicy::constant(0s)});
  const Job second = take();
  EXPECT_EQ(dialect().append_logs(std::vector<LogLine>{line(second, 1, "b"), line(first, 501, "late")}),
            (std::vector<bool>{true, false}));
  const std::vector<LogLine> lines = admin().logs(id);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].text, "a");
  EXPECT_EQ(lines[1].text, "b");
  EXPECT_EQ(lines[1].claim, 2);
}

TEST_P(JobLog, IsReadInPages) {
  const JobId id = enqueue();
  const Job job = take();
  std::vector<LogLine> lines;
  for (int i = 1; i <= 25; ++i) lines.push_back(line(job, i));
  EXPECT_EQ(dialect().append_logs(lines), std::vector<bool>(25, true));
  std::vector<std::int64_t> read;
  std::pair<std::int64_t, std::int64_t> after{0, 0};
  for (;;) {
    const std::vector<LogLine> page = admin().logs(id, after, 10);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 10u);
    for (const LogLine& l : page) read.push_back(l.number);
    after = {page.back().claim, page.back().number};
  }
  EXPECT_EQ(read, numbers(lines));
  EXPECT_EQ(code_of([&] { return admin().logs(id, {0, 0}, 0); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().logs(id, {0, 0}, 10'001); }), "invalid_argument");
}

TEST_P(JobLog, TextsAreCutAndCleanedNeverRefused) {
  const JobId id = enqueue();
  const std::shared_ptr<LogSink> sink = database_log_sink(db());
  JobLogger log{take(), sink, shared_clock()};
  log.info("");
  log.info(
      std::string("a\0b\xFF"
                  "c",
                  5));
  log.info(std::string(100'000, 'x'));
  log.info("it's; -- %s \xF0\x9F\x98\x80");
  sink->flush();
  const std::vector<LogLine> lines = admin().logs(id);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].text, "");
  EXPECT_EQ(lines[1].text.find('\0'), std::string::npos);
  EXPECT_EQ(lines[1].text.find('\xFF'), std::string::npos);
  EXPECT_LE(lines[2].text.size(), 16u * 1024);
  EXPECT_GT(lines[2].text.size(), 15u * 1024);
  EXPECT_EQ(lines[3].text, "it's; -- %s \xF0\x9F\x98\x80");
}

TEST_P(JobLog, ManyJobsWriteIntoOneSink) {
  constexpr int jobs = 8;
  for (int i = 0; i < jobs; ++i) enqueue();
  const std::vector<Job> claimed = claim(jobs);
  ASSERT_EQ(claimed.size(), static_cast<std::size_t>(jobs));
  const std::shared_ptr<LogSink> sink = database_log_sink(db());
  in_threads(jobs, [&](int t) {
    JobLogger log{claimed[static_cast<std::size_t>(t)], sink, shared_clock()};
    for (int i = 0; i < 200; ++i) {
      log.info(std::to_string(i));
      if (i == 100) sink->flush();
    }
  });
  sink->flush();
  for (const Job& job : claimed) {
    const std::vector<LogLine> lines = admin().logs(job.id);
    ASSERT_EQ(lines.size(), 200u);
    for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i].text, std::to_string(i));
  }
}

TEST_P(JobLog, MayGoElsewhere) {
  enqueue();
  std::vector<std::string> seen;
  const std::shared_ptr<LogSink> sink = make_log_sink([&](const LogLine& l) { seen.push_back(l.text); });
  const Job job = take();
  JobLogger log{job, sink, shared_clock()};
  log.info("to my own log");
  EXPECT_EQ(seen, std::vector<std::string>{"to my own log"});
  EXPECT_TRUE(admin().logs(job.id).empty());
}

TEST_P(JobLog, IsBoundedByLinesAndTheOldestGo) {
  enqueue();
  const Job job = take();
  enqueue();
  const Job other = take();
  EXPECT_EQ(dialect().append_logs(std::vector<LogLine>{line(other, 1, "innocent")}), std::vector<bool>{true});
  constexpr std::int64_t all = 24'000;
  for (std::int64_t first = 1; first <= all; first += 4000) {
    std::vector<LogLine> lines;
    for (std::int64_t n = first; n < first + 4000; ++n) lines.push_back(line(job, n, "x"));
    EXPECT_EQ(dialect().append_logs(lines), std::vector<bool>(4000, true));
  }
  std::int64_t kept = 0;
  std::int64_t last = 0;
  for (;;) {
    const auto page = admin().logs(job.id, {job.claims, last}, 10'000);
    if (page.empty()) break;
    if (last == 0) {
      EXPECT_GT(page.front().number, 1);
    } else {
      EXPECT_EQ(page.front().number, last + 1);
    }
    last = page.back().number;
    kept += static_cast<std::int64_t>(page.size());
  }
  EXPECT_EQ(last, all) << "the newest stay";
  EXPECT_GE(kept, 10'000);
  EXPECT_LE(kept, 15'000);
  EXPECT_EQ(admin().logs(other.id).size(), 1u) << "nobody else's lines";
}

TEST_P(JobLog, IsBoundedByBytes) {
  enqueue();
  const Job job = take();
  const std::string longest(16 * 1024, 'x');
  constexpr std::int64_t all = 1200;  // 19 MiB
  for (std::int64_t first = 1; first <= all; first += 100) {
    std::vector<LogLine> lines;
    for (std::int64_t n = first; n < first + 100; ++n) lines.push_back(line(job, n, longest));
    EXPECT_EQ(dialect().append_logs(lines), std::vector<bool>(100, true));
  }
  const auto kept = admin().logs(job.id, {0, 0}, 10'000);
  EXPECT_GE(kept.size(), 512u);  // 8 MiB
  EXPECT_LE(kept.size(), 800u);
  EXPECT_EQ(kept.back().number, all);
}

}  // namespace sqlq::conformance
