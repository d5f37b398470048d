// Giving a job back without charging the attempt.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(SnoozeRelease, ASnoozedJobComesLaterAndIsNotCharged) {
  const JobId id = enqueue({.max_attempts = 1});
  const Job job = take();
  EXPECT_EQ(client().snooze(job, 1min), FinishStatus::applied);
  const Job waiting = row(id);
  EXPECT_EQ(waiting.state, JobState::scheduled);
  EXPECT_EQ(waiting.run_at, clock().now() + 1min);
  EXPECT_EQ(waiting.attempt, 0);
  EXPECT_EQ(waiting.claims, 1);
  EXPECT_TRUE(claim(1).empty());

  clock().advance(1min);
  const Job again = take();
  EXPECT_EQ(again.id, id);
  EXPECT_EQ(again.attempt, 1);
  EXPECT_EQ(again.claims, 2);
  EXPECT_EQ(causes(id), std::vector<Cause>{Cause::snoozed});
}

TEST_P(SnoozeRelease, TheHistorySaysWhatFor) {
  for (const backend::FinishKind kind : {backend::FinishKind::snooze, backend::FinishKind::release}) {
    const JobId id = enqueue();
    const Job job = take();
    const backend::Finish end{.id = id, .token = job.lease_token, .kind = kind, .message = "sleeps: '\xC3\xBC'"};
    EXPECT_EQ(dialect().finish({&end, 1}, nullptr, clock().instant()).at(0), FinishStatus::applied);
    EXPECT_EQ(admin().history(id).at(0).message, "sleeps: '\xC3\xBC'");
    client().cancel(id);
  }
}

TEST_P(SnoozeRelease, SnoozingAThousandTimesNeverUsesUpAttempts) {
  const JobId id = enqueue({.max_attempts = 1});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client().snooze(take(), 0s), FinishStatus::applied);
  EXPECT_EQ(row(id).attempt, 0);
  EXPECT_EQ(row(id).claims, 100);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
}

TEST_P(SnoozeRelease, NegativeAndHugeDelaysAreBounded) {
  const JobId id = enqueue();
  EXPECT_EQ(client().snooze(take(), -1h), FinishStatus::applied);
  EXPECT_EQ(client().snooze(take(), Duration::min()), FinishStatus::applied);
  const Job job = take();
  EXPECT_EQ(job.id, id);
  EXPECT_EQ(client().snooze(job, Duration::max()), FinishStatus::applied);
  EXPECT_EQ(state(id), JobState::scheduled);
  clock().advance(24h * 3650);
  EXPECT_TRUE(claim(1).empty());
}

TEST_P(SnoozeRelease, AReleasedJobIsReadyAtOnceAndNotCharged) {
  const JobId id = enqueue({.max_attempts = 1});
  EXPECT_EQ(client().release(take()), FinishStatus::applied);
  const Job waiting = row(id);
  EXPECT_EQ(waiting.state, JobState::pending);
  EXPECT_EQ(waiting.attempt, 0);
  EXPECT_EQ(waiting.crashes, 0);
  EXPECT_EQ(causes(id), std::vector<Cause>{Cause::released});
  const Job again = take();
  EXPECT_EQ(again.id, id);
  EXPECT_EQ(again.attempt, 1);
}

TEST_P(SnoozeRelease, OfAJobBeingCancelledEndIt) {
  const JobId snoozed = enqueue();
  const JobId released = enqueue();
  const std::vector<Job> jobs = claim(2);
  for (const Job& job : jobs) EXPECT_EQ(client().cancel(job.id), CancelStatus::cancelling);
  EXPECT_EQ(client().snooze(jobs[0], 1min), FinishStatus::cancelled);
  EXPECT_EQ(client().release(jobs[1]), FinishStatus::cancelled);
  EXPECT_EQ(state(snoozed), JobState::cancelled);
  EXPECT_EQ(state(released), JobState::cancelled);
}

}  // namespace sqlq::conformance
