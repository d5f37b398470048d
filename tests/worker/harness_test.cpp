#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

#include "support/expect_error.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

// The harness runs on any backend; this one needs no server.
constexpr std::string_view harness_url = "sqlite::memory:";

struct Remind {
  static constexpr std::string_view kind = "remind";
  std::string who{};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Remind, who)
};

struct Other {
  static constexpr std::string_view kind = "other";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Other, n)
};

TEST(Harness, ADelayedJobWaitsForItsTime) {
  std::string reminded;
  Harness q(harness_url, Handlers().on<Remind>([&reminded](const Remind& m) { reminded += m.who; }));
  q.client().enqueue(Remind{"bob"}, {.delay = 10min});
  EXPECT_EQ(q.work_due(), 0U);
  q.advance(10min - 1us);
  EXPECT_EQ(q.work_due(), 0U);
  q.advance(1us);
  EXPECT_EQ(q.work_due(), 1U);
  EXPECT_EQ(reminded, "bob");
  EXPECT_EQ(q.stats().succeeded, 1U);
}

TEST(Harness, RunsAsManyAsItIsAskedForAndHoldsNoOther) {
  Harness q(harness_url, Handlers().on<Remind>([](const Remind&) {}));
  q.admin().create_queue("mail", {.concurrency = 1});
  for (const char* who : {"ann", "bob"}) q.client().enqueue(Remind{who}, {.queue = "mail"});
  EXPECT_EQ(q.work_due(1), 1U);
  EXPECT_EQ(q.admin().counts("mail").at(JobState::pending).value, 1U);
  EXPECT_EQ(q.stats().claimed, 1U);
}

TEST(Harness, RetriesUntilTheAttemptsAreUsedUp) {
  Handlers handlers;
  handlers.on<Remind>([](const Remind&) { throw std::runtime_error("no answer"); },
                      {.retry = RetryPolicy::constant(1min)});
  Harness q(harness_url, handlers);
  const JobId id = q.client().enqueue(Remind{"bob"}, {.max_attempts = 3}).id;
  EXPECT_EQ(q.work_due(), 1U);
  EXPECT_EQ(q.admin().find(id)->state, JobState::scheduled);
  q.advance(1min);
  EXPECT_EQ(q.work_due(), 1U);
  q.advance(1min);
  EXPECT_EQ(q.work_due(), 1U);
  EXPECT_EQ(q.admin().find(id)->state, JobState::errored);
  const std::vector<AttemptRecord> history = q.admin().history(id);
  ASSERT_EQ(history.size(), 3U);
  EXPECT_EQ(history[2].cause, Cause::failed);
  EXPECT_EQ(history[2].message, "no answer");
}

TEST(Harness, CountsExecutionsUpToTheLimit) {
  Handlers handlers;
  handlers.on<Remind>([](const Remind&) { return Outcome::snooze(0s); });
  Harness q(harness_url, handlers);
  q.client().enqueue(Remind{"bob"});
  EXPECT_EQ(q.work_due(5), 5U);
  EXPECT_EQ(q.stats().snoozed, 5U);
}

TEST(Harness, ParametersThatCannotBeReadFailTheAttempt) {
  Harness q(harness_url, Handlers().on<Remind>([](const Remind&) {}));
  const JobId id = q.client().enqueue(NewJob{.kind = "remind", .params = R"({"secret":1})"}).id;
  EXPECT_EQ(q.work_due(), 1U);
  const std::vector<AttemptRecord> history = q.admin().history(id);
  ASSERT_EQ(history.size(), 1U);
  EXPECT_TRUE(has(history[0].message, "another shape")) << history[0].message;
  EXPECT_FALSE(has(history[0].message, "secret"));
}

TEST(Harness, KeepsResultsAndLogsOfEveryAttempt) {
  Handlers handlers;
  handlers.on<Remind>(
      [](const Remind& m, JobContext& job) {
        job.log().info("attempt " + std::to_string(job.attempt()));
        if (job.attempt() == 1) return Outcome::error("once more");
        job.set_result(Other{static_cast<int>(m.who.size())});
        return Outcome::done();
      },
      {.retry = RetryPolicy::constant(0s)});
  Harness q(harness_url, handlers);
  const JobId id = q.client().enqueue(Remind{"bob"}).id;
  EXPECT_EQ(q.work_due(), 2U);
  EXPECT_EQ(q.admin().find(id)->result, R"({"n":3})");
  const std::vector<LogLine> logs = q.admin().logs(id);
  ASSERT_EQ(logs.size(), 2U);
  EXPECT_EQ(logs[0].text, "attempt 1");
  EXPECT_EQ(logs[1].text, "attempt 2");
}

TEST(Harness, SweepReturnsJobsOfWorkersThatDied) {
  Harness q(harness_url, Handlers().on<Remind>([](const Remind&) {}));
  q.client().enqueue(Remind{"bob"}, {.keepalive = 30s});
  ASSERT_TRUE(q.client().claim_one("default"));
  EXPECT_EQ(q.work_due(), 0U);
  q.advance(30s);
  q.sweep();
  EXPECT_EQ(q.work_due(), 1U);
}

TEST(Harness, SweepDeletesWhatIsPastItsRetention) {
  Harness q(harness_url, Handlers().on<Remind>([](const Remind&) {}));
  const JobId id = q.client().enqueue(Remind{"bob"}, {.retention = 1h}).id;
  q.work_due();
  q.advance(1h - 1us);
  q.sweep();
  EXPECT_TRUE(q.admin().find(id));
  q.advance(1us);
  q.sweep();
  EXPECT_FALSE(q.admin().find(id));
}

TEST(Harness, ReportsJobsWithoutAHandler) {
  Harness q(harness_url, Handlers().on<Remind>([](const Remind&) {}));
  q.client().enqueue(Other{1});
  EXPECT_EQ(q.work_due(), 0U);
  q.sweep();
  ASSERT_EQ(q.events().size(), 1U);
  EXPECT_TRUE(has(q.events()[0].message, "'other'"));
}

TEST(Harness, AHandlerMayEnqueueFollowUpWork) {
  std::vector<int> seen;
  Handlers handlers;
  handlers.on<Other>([&seen](const Other& m, JobContext& job) {
    seen.push_back(m.n);
    if (m.n < 3) job.client().enqueue(Other{m.n + 1});
  });
  Harness q(harness_url, handlers);
  q.client().enqueue(Other{1});
  EXPECT_EQ(q.work_due(), 3U);
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
}

TEST(Harness, RunsInOrderOfPriority) {
  std::vector<int> seen;
  Harness q(harness_url, Handlers().on<Other>([&seen](const Other& m) { seen.push_back(m.n); }));
  for (const int n : {3, 1, 2}) q.client().enqueue(Other{n}, {.priority = n});
  q.work_due();
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
}

TEST(Harness, WeeksOfAWorkflowTakeNoTime) {
  std::string ran;
  Harness q(harness_url, Handlers().on<Remind>([&ran](const Remind& m, JobContext& job) {
    job.step("first", [&] { ran += 'f'; });
    job.sleep("rest", std::chrono::days(14));
    ran += job.wait<bool>("answer", std::chrono::days(7)) ? 'a' : 'n';
    const auto parts = job.all("parts", std::vector<Other>{{1}, {2}});
    ran += std::to_string(parts.size()) + m.who;
  }).on<Other>([](const Other&) {}));
  const TimePoint began = q.clock().now();
  q.client().enqueue(Remind{"bob"});
  const JobId answered = q.client().enqueue(Remind{"ada"}).id;
  EXPECT_EQ(q.next_due(), std::nullopt) << "they are due already";
  EXPECT_EQ(q.work_for(std::chrono::days(13)), 2U);
  EXPECT_EQ(q.clock().now(), began + std::chrono::days(13));
  EXPECT_EQ(q.next_due(), began + std::chrono::days(14));
  EXPECT_EQ(q.work_for(std::chrono::days(2)), 2U);
  EXPECT_EQ(q.client().signal(answered, "answer", true), SignalStatus::stored);
  EXPECT_EQ(q.work_for(0s), 4U) << "ada goes on at once, her two parts run, and so does she again";
  EXPECT_EQ(std::exchange(ran, {}), "ffa" "a2ada");
  q.work_for(std::chrono::days(30));
  EXPECT_EQ(ran, "n" "n2bob");
  EXPECT_EQ(q.stats().succeeded, 6U);
}

TEST(Harness, SchedulesFireAsTimePasses) {
  std::vector<TimePoint> ticks;
  Harness q(harness_url, Handlers().on<Remind>([&](const Remind&, JobContext& job) {
    ticks.push_back(tick_of(job.job()).value());
    job.sleep("a while", 1h);
  }));
  Schedules schedules{q.database()};
  schedules.sync({{.name = "daily", .rule = "@every 24h", .job = job(Remind{"all"})}});
  const TimePoint began = q.clock().now();
  EXPECT_EQ(q.next_due(), began + 24h);
  EXPECT_EQ(q.work_for(72h), 5U) << "three begin, and two of them have slept";
  EXPECT_EQ(ticks, (std::vector{began + 24h, began + 24h, began + 48h, began + 48h, began + 72h}));
  EXPECT_EQ(schedules.find("daily")->missed, 0U);
}

TEST(Harness, TimeStopsWhereTheLimitOfExecutionsIsReached) {
  Harness q(harness_url, Handlers().on<Remind>([](const Remind&) { return Outcome::snooze(1h); }));
  const TimePoint began = q.clock().now();
  q.client().enqueue(Remind{"bob"});
  EXPECT_EQ(q.work_for(24h, 3), 3U);
  EXPECT_EQ(q.clock().now(), began + 2h);
}

TEST(Harness, AJobThatCannotRunKeepsNoTimeFromPassing) {
  Harness q(harness_url, Handlers().on<Remind>([](const Remind&) {}));
  q.client().enqueue(Remind{"bob"}, {.queue = "mail", .delay = 1h});
  q.admin().pause("mail");
  const TimePoint began = q.clock().now();
  EXPECT_EQ(q.work_for(24h), 0U);
  EXPECT_EQ(q.clock().now(), began + 24h);
}

TEST(Harness, TheOptionsEventsAreCalledToo) {
  int calls = 0;
  Harness q(harness_url, Handlers().on<Remind>([](const Remind&) {}),
            {.on_event = [&](const WorkerEvent&) { ++calls; }});
  q.client().enqueue(Other{1});
  q.sweep();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace sqlq::testing
