// A hostile clock: whatever happens to the wall time, nothing runs twice and nothing is lost.

#include <map>
#include <random>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(HostileClock, ForwardStepsEndNoLease) {
  enqueue();
  const Job job = take();
  clock().step_wall(24h * 365 * 10);
  EXPECT_EQ(client().reap().total(), 0u);
  EXPECT_EQ(client().ping(job), LeaseStatus::renewed);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
}

TEST_P(HostileClock, BackwardStepsExtendNoLease) {
  const JobId id = enqueue();
  static_cast<void>(take());
  clock().step_wall(-24h * 365);
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned, std::vector<JobId>{id});
  EXPECT_EQ(take().id, id);
}

TEST_P(HostileClock, ARequestThatWaitedEndsNoLeaseThatBeganMeanwhile) {
  const JobId id = enqueue();
  const Instant before = clock().instant();
  clock().advance(1s);
  static_cast<void>(take());
  EXPECT_EQ(dialect().reap({}, 100, before).total(), 0u);
  EXPECT_EQ(state(id), JobState::running);
}

TEST_P(HostileClock, BackwardStepsDoNotHidePendingJobs) {
  const JobId id = enqueue();
  clock().step_wall(-1h);
  const Job job = take();
  EXPECT_EQ(job.id, id);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
}

TEST_P(HostileClock, DueTimesFollowTheWall) {
  const JobId id = enqueue({.delay = 1h});
  clock().step_wall(2h);
  EXPECT_EQ(take().id, id);
}

TEST_P(HostileClock, ExtremeDatesAreSurvived) {
  const TimePoint start = clock().now();
  for (const TimePoint date : {TimePoint(-24h), TimePoint(0s), TimePoint(std::chrono::seconds(2147483648)),
                               TimePoint(std::chrono::seconds(4294967296))}) {
    clock().step_wall(date - clock().now());
    const JobId id = enqueue();
    const Job job = take();
    EXPECT_EQ(job.id, id);
    EXPECT_EQ(row(id).created_at, date);
    EXPECT_EQ(client().success(job), FinishStatus::applied);
    EXPECT_EQ(row(id).finished_at, date);
  }
  clock().step_wall(start - clock().now());
}

TEST_P(HostileClock, StepsBetweenAllOperationsRunNothingTwice) {
  const std::uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto shake = [&] {
    clock().step_wall(std::chrono::minutes(std::uniform_int_distribution<int>(-120, 120)(random)));
    clock().advance(std::chrono::milliseconds(std::uniform_int_distribution<int>(0, 900)(random)));
  };
  std::map<JobId, int> executions;
  for (int i = 0; i < 40; ++i) {
    shake();
    executions[enqueue()] = 0;
  }
  std::vector<Job> mine;
  while (!mine.empty() || admin().counts().at(JobState::pending).value > 0) {
    shake();
    for (Job& job : claim(3)) {
      ++executions[job.id];
      mine.push_back(std::move(job));
    }
    shake();
    for (const LeaseStatus status : client().ping(mine)) ASSERT_EQ(status, LeaseStatus::renewed);
    shake();
    ASSERT_EQ(client().reap().total(), 0u);
    shake();
    ASSERT_EQ(client().success(mine.back()), FinishStatus::applied);
    mine.pop_back();
  }
  for (const auto& [id, count] : executions) EXPECT_EQ(count, 1) << id.to_string();
}

TEST_P(HostileClock, ARestartOfTheHostEndsAllLeases) {
  SQLQ_NEEDS_NO(database_clock);
  SQLQ_NEEDS(survives_reopen);
  const JobId brief = enqueue({.keepalive = 1s});
  const JobId day = enqueue({.keepalive = 24h});
  const std::vector<Job> jobs = claim(2);
  ASSERT_EQ(jobs.size(), 2u);
  clock().restart_host();
  // After a restart no process of before is alive: a new handle is all there can be.
  Database fresh = another();
  const ReapReport report = Client{fresh}.reap();
  EXPECT_EQ(report.returned.size(), 2u);
  EXPECT_EQ(state(brief), JobState::pending);
  EXPECT_EQ(state(day), JobState::pending);
  for (const Job& job : jobs) EXPECT_EQ(client().success(job), FinishStatus::stale);
}

TEST_P(HostileClock, LeasesTakenAfterARestartHold) {
  SQLQ_NEEDS_NO(database_clock);
  SQLQ_NEEDS(survives_reopen);
  enqueue();
  clock().advance(100h);
  clock().restart_host();
  Database fresh = another();
  Client mine{fresh};
  const std::optional<Job> job = mine.claim_one("default");
  ASSERT_TRUE(job);
  EXPECT_EQ(mine.reap().total(), 0u);
  clock().advance(29s);
  EXPECT_EQ(mine.reap().total(), 0u);
  EXPECT_EQ(mine.ping(*job), LeaseStatus::renewed);
  clock().advance(31s);
  EXPECT_EQ(mine.reap().total(), 1u);
}

}  // namespace sqlq::conformance
