// Retention: finished jobs stay as long as they should, and then really go.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Retention, DefaultsAreADayAndAWeek) {
  const JobId good = enqueue();
  client().success(take());
  const JobId bad = enqueue();
  client().error(take(), "no", {.discard = true});
  const JobId cancelled = enqueue();
  client().cancel(cancelled);

  clock().advance(24h - 1us);
  EXPECT_EQ(admin().purge().deleted, 0u);
  clock().advance(2us);
  EXPECT_EQ(admin().purge().deleted, 2u);
  EXPECT_FALSE(client().find(good));
  EXPECT_FALSE(client().find(cancelled));
  EXPECT_TRUE(client().find(bad));

  clock().advance(24h * 6 - 2us);
  EXPECT_EQ(admin().purge().deleted, 0u);
  clock().advance(2us);
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_FALSE(client().find(bad));
  EXPECT_TRUE(admin().list().empty());
}

TEST_P(Retention, TheJobsOwnWins) {
  const JobId id = enqueue({.retention = 1h});
  client().error(take(), "no", {.discard = true});
  clock().advance(1h + 1us);
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_FALSE(client().find(id));
}

TEST_P(Retention, ZeroMeansUntilTheNextSweep) {
  const JobId id = enqueue({.retention = 0s});
  client().success(take());
  EXPECT_EQ(state(id), JobState::success);
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_FALSE(client().find(id));
}

TEST_P(Retention, ForEverIsPossible) {
  const JobId id = enqueue({.retention = Duration::max()});
  client().success(take());
  clock().advance(24h * 365 * 100);
  EXPECT_EQ(admin().purge().deleted, 0u);
  EXPECT_EQ(state(id), JobState::success);
}

TEST_P(Retention, LogsAndHistoryGoWithTheJob) {
  const JobId id = enqueue({.retention = 0s});
  static_cast<void>(take());
  clock().advance(31s);
  static_cast<void>(client().reap());
  client().success(take());
  ASSERT_FALSE(admin().logs(id).empty());
  ASSERT_FALSE(admin().history(id).empty());
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_TRUE(admin().logs(id).empty());
  EXPECT_TRUE(admin().history(id).empty());
}

TEST_P(Retention, LiveJobsStayHoweverOld) {
  const JobId pending = enqueue({.retention = 0s});
  const JobId scheduled = enqueue({.delay = 24h * 3650, .retention = 0s});
  const JobId running = enqueue({.priority = 1, .retention = 0s});
  ASSERT_EQ(take().id, running);
  clock().advance(24h * 365);
  EXPECT_EQ(admin().purge().deleted, 0u);
  EXPECT_EQ(state(pending), JobState::pending);
  EXPECT_EQ(state(scheduled), JobState::scheduled);
  EXPECT_EQ(state(running), JobState::running);
}

TEST_P(Retention, AReaperErroredJobIsKeptAWeek) {
  const JobId id = enqueue({.max_attempts = 1});
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored.size(), 1u);
  clock().advance(24h * 7 - 1us);
  EXPECT_EQ(admin().purge().deleted, 0u);
  clock().advance(2us);
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_FALSE(client().find(id));
}

TEST_P(Retention, ARequeuedJobIsAliveAgain) {
  const JobId id = enqueue({.retention = 1h});
  client().success(take());
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  clock().advance(24h);
  EXPECT_EQ(admin().purge().deleted, 0u);
  client().success(take());
  EXPECT_EQ(admin().purge().deleted, 0u);
  clock().advance(1h + 1us);
  EXPECT_EQ(admin().purge().deleted, 1u);
}

TEST_P(Retention, ManyGoInOneCallAndInBoundedSteps) {
  std::vector<NewJob> jobs(250, NewJob{.kind = "work", .options = {.retention = 0s}});
  client().enqueue_many(jobs);
  for (const Job& job : claim(250)) client().success(job);
  EXPECT_EQ(dialect().purge(100, clock().instant()).deleted, 100u);
  EXPECT_EQ(admin().purge().deleted, 150u);
  EXPECT_EQ(admin().purge().deleted, 0u);
}

TEST_P(Retention, TheQueueOutlivesItsJobs) {
  enqueue({.queue = "q", .retention = 0s});
  client().success(take());
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_TRUE(admin().queue("q"));
}

}  // namespace sqlq::conformance
