// Not before: delay and run_at.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Scheduled, ADelayedJobWaits) {
  const JobId id = enqueue({.delay = 10min});
  EXPECT_EQ(state(id), JobState::scheduled);
  EXPECT_EQ(row(id).run_at, clock().now() + 10min);
  clock().advance(10min - 1us);
  EXPECT_TRUE(claim(1).empty());
  clock().advance(1us);
  EXPECT_EQ(take().id, id);
}

TEST_P(Scheduled, RunAtIsAMoment) {
  const TimePoint at = clock().now() + 36h;
  const JobId id = enqueue({.run_at = at});
  EXPECT_EQ(state(id), JobState::scheduled);
  EXPECT_EQ(row(id).run_at, at);
  clock().advance(36h);
  EXPECT_EQ(take().id, id);
}

TEST_P(Scheduled, ThePastMeansNow) {
  const std::vector<JobId> ids = {
      enqueue({.delay = -1us}),
      enqueue({.delay = Duration::min()}),
      enqueue({.run_at = clock().now() - 1h}),
      enqueue({.run_at = clock().now()}),
      enqueue({.run_at = TimePoint::min()}),
  };
  for (const JobId id : ids) EXPECT_EQ(state(id), JobState::pending) << id.to_string();
  EXPECT_EQ(claim(10).size(), ids.size());
}

TEST_P(Scheduled, TheFarFutureSaturates) {
  const std::vector<JobId> ids = {
      enqueue({.delay = Duration::max()}),
      enqueue({.delay = std::chrono::duration_cast<Duration>(std::chrono::hours(24 * 365 * 1000))}),
      enqueue({.run_at = TimePoint::max()}),
  };
  clock().advance(24h * 3650);
  EXPECT_TRUE(claim(10).empty());
  for (const JobId id : ids) {
    EXPECT_EQ(state(id), JobState::scheduled);
    EXPECT_GT(row(id).run_at, clock().now());
  }
}

TEST_P(Scheduled, DelayAndRunAtTogetherAreRefused) {
  EXPECT_EQ(code_of([&] {
              return client().enqueue(NewJob{.kind = "work", .options = {.delay = 1s, .run_at = clock().now()}});
            }),
            "invalid_argument");
}

TEST_P(Scheduled, DueJobsNeedNoOtherCallBefore) {
  for (int i = 0; i < 20; ++i) enqueue({.delay = std::chrono::seconds(i + 1)});
  clock().advance(15s);
  EXPECT_EQ(claim(100).size(), 15u);
  EXPECT_TRUE(claim(100).empty());
}

TEST_P(Scheduled, DueJobsObeyLimitsPausesAndFilters) {
  admin().create_queue("limited", {.concurrency = 1});
  admin().create_queue("paused");
  admin().pause("paused");
  for (int i = 0; i < 3; ++i) {
    enqueue({.queue = "limited", .delay = 1s});
    enqueue({.queue = "paused", .delay = 1s});
    enqueue_kind("other", {.queue = "free", .delay = 1s});
  }
  clock().advance(2s);
  EXPECT_TRUE(claim(100, {}, {"unknown"}).empty());
  EXPECT_EQ(claim(100, {}, {"work"}).size(), 1u);
  EXPECT_EQ(claim(100).size(), 3u);
}

TEST_P(Scheduled, PriorityDecidesAmongDueJobs) {
  const JobId plain = enqueue({.priority = 10});
  const JobId urgent = enqueue({.priority = 1, .delay = 5s});
  clock().advance(5s);
  const std::vector<Job> jobs = claim(2);
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].id, urgent);
  EXPECT_EQ(jobs[1].id, plain);
}

TEST_P(Scheduled, ThousandsOfFutureJobsHideNothing) {
  std::vector<NewJob> later(2000, NewJob{.kind = "work", .options = {.priority = -100, .delay = 24h}});
  client().enqueue_many(later);
  const JobId id = enqueue();
  EXPECT_EQ(take().id, id);
  EXPECT_TRUE(claim(1).empty());
}

}  // namespace sqlq::conformance
