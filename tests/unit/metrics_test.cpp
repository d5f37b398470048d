#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/metrics.hpp>

#include "support/expect_error.hpp"

namespace sqlq {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const Job> job_of(std::string queue, std::string kind) {
  return std::make_shared<const Job>(Job{.queue = std::move(queue), .kind = std::move(kind)});
}

bool has_line(const Metrics& metrics, const std::string& line) {
  return ("\n" + metrics.text()).find("\n" + line + "\n") != std::string::npos;
}

#define EXPECT_LINE(metrics, line) EXPECT_TRUE(has_line(metrics, line)) << (metrics).text()

TEST(Metrics, CountEachQueueAndKind) {
  Metrics metrics;
  metrics.observe(JobEnqueued{.queue = "mail", .kind = "send"});
  metrics.observe(JobEnqueued{.queue = "mail", .kind = "send"});
  metrics.observe(JobEnqueued{.queue = "mail", .kind = "send", .status = EnqueueStatus::existing_key});
  metrics.observe(JobStarted{.job = job_of("mail", "send"), .waited = 1500ms});
  EXPECT_LINE(metrics, R"(sqlq_jobs_running{queue="mail",kind="send"} 1)");
  metrics.observe(JobEnded{.job = job_of("mail", "send"), .end = JobEnd::retried, .ran = 20ms});
  metrics.observe(JobEnded{.job = job_of("mail", "send"), .end = JobEnd::released});
  EXPECT_LINE(metrics, R"(sqlq_jobs_running{queue="mail",kind="send"} 0)");
  EXPECT_LINE(metrics, R"(sqlq_jobs_enqueued_total{queue="mail",kind="send"} 2)");
  EXPECT_LINE(metrics, R"(sqlq_jobs_existing_total{queue="mail",kind="send"} 1)");
  EXPECT_LINE(metrics, R"(sqlq_jobs_ended_total{queue="mail",kind="send",end="retried"} 1)");
  EXPECT_LINE(metrics, R"(sqlq_jobs_ended_total{queue="mail",kind="send",end="released"} 1)");
  EXPECT_LINE(metrics, R"(sqlq_jobs_ended_total{queue="mail",kind="send",end="success"} 0)");
}

TEST(Metrics, HistogramsAreOfSecondsAndAddUp) {
  Metrics metrics;
  for (const Duration ran : {Duration(0us), Duration(5ms), Duration(5001us), Duration(2h)}) {
    metrics.observe(JobEnded{.job = job_of("q", "k"), .ran = ran});
  }
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_bucket{queue="q",kind="k",le="0.001"} 1)");
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_bucket{queue="q",kind="k",le="0.005"} 2)");
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_bucket{queue="q",kind="k",le="0.01"} 3)");
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_bucket{queue="q",kind="k",le="2.5"} 3)");
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_bucket{queue="q",kind="k",le="60"} 3)");
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_bucket{queue="q",kind="k",le="3600"} 3)");
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_bucket{queue="q",kind="k",le="+Inf"} 4)");
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_sum{queue="q",kind="k"} 7200.010001)");
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_count{queue="q",kind="k"} 4)");
}

TEST(Metrics, TheBoundsAreThoseOfItsHeader) {
  const std::string text = Metrics{}.text();
  const std::string before = "sqlq_claim_seconds_bucket{le=\"";
  std::vector<std::string> bounds;
  for (std::size_t at = text.find(before); at != std::string::npos; at = text.find(before, at)) {
    at += before.size();
    bounds.push_back(text.substr(at, text.find('"', at) - at));
  }
  EXPECT_EQ(bounds, (std::vector<std::string>{"0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1",
                                              "2.5", "5", "10", "30", "60", "300", "3600", "+Inf"}));
}

TEST(Metrics, OfTheWorkerAsAWhole) {
  Metrics metrics;
  metrics.observe(JobsClaimed{.asked = 10, .got = 4, .took = 2ms});
  metrics.observe(JobsClaimed{.asked = 6, .got = 0, .took = 1ms});
  metrics.observe(LeasesEnded{.returned = {JobId{}, JobId{}}, .errored = {JobId{}}});
  metrics.observe(TicksFired{.schedule = "nightly", .ticks = 3});
  metrics.observe(WorkerEvent{.level = WorkerEvent::Level::warning});
  EXPECT_LINE(metrics, "sqlq_claims_total 2");
  EXPECT_LINE(metrics, "sqlq_claimed_jobs_total 4");
  EXPECT_LINE(metrics, "sqlq_claim_seconds_sum 0.003000");
  EXPECT_LINE(metrics, R"(sqlq_claim_seconds_bucket{le="0.001"} 1)");
  EXPECT_LINE(metrics, R"(sqlq_leases_ended_total{end="returned"} 2)");
  EXPECT_LINE(metrics, R"(sqlq_leases_ended_total{end="errored"} 1)");
  EXPECT_LINE(metrics, R"(sqlq_leases_ended_total{end="cancelled"} 0)");
  EXPECT_LINE(metrics, "sqlq_ticks_fired_total 3");
  EXPECT_LINE(metrics, R"(sqlq_worker_events_total{level="warning"} 1)");
}

TEST(Metrics, HostileNamesAreEscaped) {
  Metrics metrics;
  metrics.observe(JobEnqueued{.queue = "a\"} 1\nevil{x=\"\\", .kind = "\xff\xF0\x9F\x98\x80"});
  EXPECT_LINE(metrics,
              "sqlq_jobs_enqueued_total{queue=\"a\\\"} 1\\nevil{x=\\\"\\\\\",kind=\"\xEF\xBF\xBD\xF0\x9F\x98\x80\"} 1");
  EXPECT_EQ(metrics.text().find("\nevil"), std::string::npos);
}

TEST(Metrics, NamesBeyondTheBoundAreCountedTogether) {
  Metrics metrics({.most_series = 2});
  for (int i = 0; i < 1000; ++i) metrics.observe(JobEnqueued{.queue = "q" + std::to_string(i), .kind = "k"});
  metrics.observe(JobEnqueued{.queue = "q0", .kind = "k"});
  EXPECT_LINE(metrics, R"(sqlq_jobs_enqueued_total{queue="q0",kind="k"} 2)");
  EXPECT_LINE(metrics, R"(sqlq_jobs_enqueued_total{queue="q1",kind="k"} 1)");
  EXPECT_LINE(metrics, R"(sqlq_jobs_enqueued_total{queue="_other",kind="_other"} 998)");
  EXPECT_EQ(metrics.text().find("q2"), std::string::npos);
  testing::expect_error(Errc::invalid_argument, "most_series", [] { Metrics({.most_series = 1'000'001}); });
}

// A name that is called _other is no special one.
TEST(Metrics, NoLabelsComeTwice) {
  Metrics metrics({.most_series = 1});
  metrics.observe(JobEnqueued{.queue = "_other", .kind = "_other"});
  EXPECT_LINE(metrics, R"(sqlq_jobs_enqueued_total{queue="_other",kind="_other"} 1)");
  metrics.observe(JobEnqueued{.queue = "a", .kind = "k"});
  metrics.observe(JobEnqueued{.queue = "b", .kind = "k"});
  EXPECT_LINE(metrics, R"(sqlq_jobs_enqueued_total{queue="a",kind="k"} 1)");
  EXPECT_LINE(metrics, R"(sqlq_jobs_enqueued_total{queue="_other",kind="_other"} 2)");
  std::set<std::string> seen;
  const std::string text = metrics.text();
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second || line.front() == '#') << line;
  }
}

TEST(Metrics, AreCountedByManyThreadsAtOnce) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics, t] {
      for (int i = 0; i < 1000; ++i) {
        metrics.observe(JobStarted{.job = job_of("q", "k" + std::to_string(t % 2))});
        metrics.observe(JobEnded{.job = job_of("q", "k" + std::to_string(t % 2)), .ran = 1ms});
        if (i % 100 == 0) static_cast<void>(metrics.text());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LINE(metrics, R"(sqlq_jobs_ended_total{queue="q",kind="k0",end="success"} 2000)");
  EXPECT_LINE(metrics, R"(sqlq_job_run_seconds_sum{queue="q",kind="k1"} 2.000000)");
  EXPECT_LINE(metrics, R"(sqlq_jobs_running{queue="q",kind="k1"} 0)");
}

}  // namespace
}  // namespace sqlq
