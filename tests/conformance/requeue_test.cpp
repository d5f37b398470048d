// An operator runs a finished job again.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Requeue, AFinishedJobStartsAnew) {
  const JobId id = client().enqueue(NewJob{.kind = "work", .params = "[1]", .options = {.max_attempts = 1}}).id;
  const Job first = take();
  client().error(first, "no");
  ASSERT_EQ(state(id), JobState::errored);
  clock().advance(1h);
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  const Job job = row(id);
  EXPECT_EQ(job.state, JobState::pending);
  EXPECT_EQ(job.params, "[1]");
  EXPECT_EQ(job.attempt, 0);
  EXPECT_EQ(job.crashes, 0);
  EXPECT_EQ(job.claims, 1);
  EXPECT_EQ(job.lease_token, LeaseToken{});
  EXPECT_EQ(job.queued_at, clock().now());
  EXPECT_FALSE(job.finished_at);
  EXPECT_EQ(client().error(first, "again"), FinishStatus::stale);
  const Job second = take();
  EXPECT_EQ(second.attempt, 1);
  EXPECT_EQ(second.claims, 2);
  EXPECT_EQ(client().success(second, "2"), FinishStatus::applied);
  EXPECT_EQ(row(id).result, "2");
  EXPECT_EQ(causes(id), (std::vector<Cause>{Cause::failed, Cause::requeued}));
  clock().advance(1h);
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  EXPECT_EQ(row(id).result, "") << "that of the run before";
  EXPECT_EQ(row(id).run_at, clock().now());
}

TEST_P(Requeue, WorksFromEveryEnd) {
  const JobId good = enqueue();
  client().success(take());
  const JobId cancelled = enqueue();
  client().cancel(cancelled);
  for (const JobId id : {good, cancelled}) {
    EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
    EXPECT_EQ(state(id), JobState::pending);
  }
  EXPECT_EQ(claim(10).size(), 2u);
}

TEST_P(Requeue, LiveJobsAreLeftAlone) {
  const JobId scheduled = enqueue({.delay = 1h});
  const JobId running = enqueue();
  const Job job = take();
  const JobId pending = enqueue();
  for (const JobId id : {scheduled, running, pending}) {
    const Job before = row(id);
    EXPECT_EQ(admin().requeue(id), RequeueStatus::not_finished);
    EXPECT_EQ(row(id).state, before.state);
    EXPECT_EQ(row(id).attempt, before.attempt);
    EXPECT_TRUE(causes(id).empty());
  }
  client().cancel(running);
  EXPECT_EQ(admin().requeue(running), RequeueStatus::not_finished);
  EXPECT_EQ(client().success(job), FinishStatus::cancelled);
}

TEST_P(Requeue, UnknownJobsAreNotFound) {
  EXPECT_EQ(admin().requeue(JobId::make(clock().now())), RequeueStatus::not_found);
}

TEST_P(Requeue, NeverMakesASecondLiveJobOfOneKey) {
  const JobId first = enqueue({.unique_key = "k"});
  client().success(take());
  const JobId second = enqueue({.unique_key = "k"});
  EXPECT_EQ(admin().requeue(first), RequeueStatus::duplicate);
  EXPECT_EQ(state(first), JobState::success);
  EXPECT_EQ(state(second), JobState::pending);
  client().success(take());
  EXPECT_EQ(admin().requeue(first), RequeueStatus::requeued);
  EXPECT_EQ(admin().requeue(second), RequeueStatus::duplicate);
}

TEST_P(Requeue, SeveralInOneCallAnswerInOrder) {
  const JobId done = enqueue();
  client().success(take());
  const JobId pending = enqueue();
  const JobId unknown = JobId::make(clock().now());
  EXPECT_EQ(dialect().requeue(std::vector<JobId>{unknown, done, pending, done}, clock().instant()),
            (std::vector<RequeueStatus>{RequeueStatus::not_found, RequeueStatus::requeued, RequeueStatus::not_finished,
                                        RequeueStatus::not_finished}));
}

TEST_P(Requeue, OldLogLinesStay) {
  const JobId id = enqueue({.max_attempts = 1});
  static_cast<void>(take());
  clock().advance(31s);
  static_cast<void>(client().reap());
  ASSERT_EQ(admin().logs(id).size(), 1u);
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  EXPECT_EQ(admin().logs(id).size(), 1u);
}

}  // namespace sqlq::conformance
