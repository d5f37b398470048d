// Reaping: jobs whose lease ended come back (promise I7), and no others.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Reap, ReturnsAJobWhoseLeaseEnded) {
  const JobId id = enqueue();
  const Job lost = take();
  clock().advance(30s + 1us);
  const ReapReport report = client().reap();
  EXPECT_EQ(report.returned, std::vector<JobId>{id});
  EXPECT_EQ(report.total(), 1u);

  const Job job = row(id);
  EXPECT_EQ(job.state, JobState::pending);
  EXPECT_EQ(job.attempt, 1);
  EXPECT_EQ(job.crashes, 1);
  EXPECT_EQ(job.lease_token, LeaseToken{});
  EXPECT_EQ(job.queued_at, clock().now());
  EXPECT_FALSE(job.finished_at);
  const std::vector<AttemptRecord> history = admin().history(id);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].cause, Cause::lease_ended);
  EXPECT_EQ(history[0].claim, lost.claims);
  EXPECT_EQ(history[0].attempt, 1);
  EXPECT_EQ(history[0].at, clock().now());

  const Job again = take();
  EXPECT_EQ(again.id, id);
  EXPECT_EQ(again.attempt, 2);
}

TEST_P(Reap, WritesALineIntoTheJobsLog) {
  const JobId id = enqueue();
  static_cast<void>(take());
  clock().advance(31s);
  ASSERT_EQ(client().reap().total(), 1u);
  const std::vector<LogLine> lines = admin().logs(id);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].level, LogLevel::warn);
  EXPECT_EQ(lines[0].claim, 1);
  EXPECT_FALSE(lines[0].text.empty());
}

TEST_P(Reap, LeavesJobsWithinTheirLease) {
  const JobId id = enqueue();
  const Job job = take();
  clock().advance(30s - 1us);
  EXPECT_EQ(client().reap().total(), 0u);
  EXPECT_EQ(state(id), JobState::running);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
}

TEST_P(Reap, LeavesRenewedJobs) {
  enqueue();
  enqueue();
  const std::vector<Job> jobs = claim(2);
  clock().advance(20s);
  EXPECT_EQ(client().ping(jobs[0]), LeaseStatus::renewed);
  clock().advance(20s);
  EXPECT_EQ(client().reap().returned, std::vector<JobId>{jobs[1].id});
  EXPECT_EQ(state(jobs[0].id), JobState::running);
}

TEST_P(Reap, EachJobHasItsOwnKeepalive) {
  const JobId brief = enqueue({.keepalive = 1s});
  const JobId usual = enqueue();
  const JobId day = enqueue({.keepalive = 24h});
  ASSERT_EQ(claim(3).size(), 3u);
  clock().advance(2s);
  EXPECT_EQ(client().reap().returned, std::vector<JobId>{brief});
  clock().advance(30s);
  EXPECT_EQ(client().reap().returned, std::vector<JobId>{usual});
  clock().advance(24h);
  EXPECT_EQ(client().reap().returned, std::vector<JobId>{day});
}

TEST_P(Reap, UsedUpAttemptsEndInErrored) {
  const JobId id = enqueue({.max_attempts = 1});
  static_cast<void>(take());
  clock().advance(31s);
  const ReapReport report = client().reap();
  EXPECT_EQ(report.errored, std::vector<JobId>{id});
  EXPECT_TRUE(report.returned.empty());
  EXPECT_EQ(state(id), JobState::errored);
  EXPECT_EQ(row(id).finished_at, clock().now());
  EXPECT_EQ(causes(id), std::vector<Cause>{Cause::lease_ended});
  EXPECT_TRUE(claim(1).empty());
}

TEST_P(Reap, AJobBeingCancelledEndsCancelled) {
  const JobId id = enqueue();
  static_cast<void>(take());
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  clock().advance(31s);
  const ReapReport report = client().reap();
  EXPECT_EQ(report.cancelled, std::vector<JobId>{id});
  EXPECT_EQ(state(id), JobState::cancelled);
  EXPECT_EQ(row(id).finished_at, clock().now());
}

TEST_P(Reap, OnlyTheQueuesNamed) {
  const JobId a = enqueue({.queue = "a"});
  const JobId b = enqueue({.queue = "b"});
  const JobId c = enqueue({.queue = "c"});
  ASSERT_EQ(claim(3).size(), 3u);
  clock().advance(31s);
  EXPECT_EQ(client().reap(std::vector<std::string>{"b", "missing"}).returned, std::vector<JobId>{b});
  EXPECT_EQ(state(a), JobState::running);
  EXPECT_EQ(client().reap().total(), 2u);
  EXPECT_EQ(state(c), JobState::pending);
}

TEST_P(Reap, TouchesNothingElse) {
  const JobId done = enqueue();
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  const JobId failed = enqueue();
  EXPECT_EQ(client().error(take(), "no", {.discard = true}), FinishStatus::applied);
  const JobId waiting = enqueue();
  const JobId later = enqueue({.delay = 24h});
  clock().advance(1h);
  EXPECT_EQ(client().reap().total(), 0u);
  EXPECT_EQ(state(done), JobState::success);
  EXPECT_EQ(state(failed), JobState::errored);
  EXPECT_EQ(state(waiting), JobState::pending);
  EXPECT_EQ(state(later), JobState::scheduled);
  EXPECT_TRUE(admin().logs(done).empty());
}

TEST_P(Reap, ASecondSweepFindsNothing) {
  enqueue();
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().total(), 1u);
  EXPECT_EQ(client().reap().total(), 0u);
}

TEST_P(Reap, ALeaseThatEndedButWasNotReapedMayStillBeUsed) {
  const JobId id = enqueue();
  const Job job = take();
  clock().advance(1h);
  EXPECT_TRUE(claim(1).empty()) << "only reaping gives a job to somebody else";
  EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(client().reap().total(), 0u);
  EXPECT_EQ(state(id), JobState::success);
}

TEST_P(Reap, ManyJobsInOneCall) {
  std::vector<NewJob> jobs(300, NewJob{.kind = "work"});
  client().enqueue_many(jobs);
  ASSERT_EQ(claim(300).size(), 300u);
  clock().advance(31s);
  EXPECT_EQ(client().reap().total(), 300u);
  EXPECT_EQ(claim(1000).size(), 300u);
}

TEST_P(Reap, AtMostTheLimitGiven) {
  for (int i = 0; i < 10; ++i) enqueue();
  ASSERT_EQ(claim(10).size(), 10u);
  clock().advance(31s);
  EXPECT_EQ(dialect().reap({}, 4, clock().instant()).total(), 4u);
  EXPECT_EQ(dialect().reap({}, 100, clock().instant()).total(), 6u);
}

TEST_P(Reap, SeveralReapersShareTheWork) {
  std::vector<NewJob> jobs(100, NewJob{.kind = "work"});
  client().enqueue_many(jobs);
  const std::vector<Job> claimed = claim(100);
  clock().advance(31s);
  const std::vector<Database> handles = {db(), another()};
  std::atomic<std::size_t> reaped{0};
  in_threads(4, [&](int t) { reaped += Client{handles[static_cast<std::size_t>(t) % 2]}.reap().total(); });
  EXPECT_EQ(reaped, 100u);
  for (const Job& job : claimed) EXPECT_EQ(row(job.id).crashes, 1);
}

}  // namespace sqlq::conformance
