// Promise I3: every execution beyond the first is explained by a line of history.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(History, ExplainsEveryExecution) {
  const JobId id = enqueue();
  const RetryPolicy at_once = RetryPolicy::constant(0s);
  client().error(take(), "first", {.retry = at_once});
  clock().advance(1s);
  client().snooze(take(), 0s);
  client().release(take());
  static_cast<void>(take());
  clock().advance(31s);
  static_cast<void>(client().reap());
  client().error(take(), "last", {.discard = true});
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  const Job running = take();
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  client().success(running);

  EXPECT_EQ(causes(id), (std::vector<Cause>{Cause::failed, Cause::snoozed, Cause::released, Cause::lease_ended,
                                            Cause::discarded, Cause::requeued, Cause::cancelled}));
  EXPECT_EQ(row(id).claims, 6);
  std::vector<int> attempts;  // of the execution each line is about, also where it was given back
  for (const AttemptRecord& line : admin().history(id)) {
    if (line.cause != Cause::requeued) attempts.push_back(line.attempt);
  }
  EXPECT_EQ(attempts, (std::vector<int>{1, 2, 2, 2, 3, 1}));
}

TEST_P(History, RecordsWhoWhenAndWhy) {
  const JobId id = enqueue();
  backend::ClaimRequest request{.limit = 1, .token = {42}, .worker = "host-1", .now = clock().instant()};
  const std::vector<Job> jobs = dialect().claim(request).jobs;
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].lease_token, LeaseToken{42});
  clock().advance(3s);
  EXPECT_EQ(client().error(jobs[0], "disk on fire"), FinishStatus::applied);
  const std::vector<AttemptRecord> history = admin().history(id);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].claim, 1);
  EXPECT_EQ(history[0].attempt, 1);
  EXPECT_EQ(history[0].cause, Cause::failed);
  EXPECT_EQ(history[0].at, clock().now());
  EXPECT_EQ(history[0].worker, "host-1");
  EXPECT_EQ(history[0].message, "disk on fire");
}

TEST_P(History, BelongsToOneJob) {
  const JobId a = enqueue();
  const JobId b = enqueue();
  for (const Job& job : claim(2)) client().error(job, job.id == a ? "a" : "b");
  ASSERT_EQ(admin().history(a).size(), 1u);
  EXPECT_EQ(admin().history(a)[0].message, "a");
  EXPECT_EQ(admin().history(b)[0].message, "b");
  EXPECT_TRUE(admin().history(JobId::make(clock().now())).empty());
}

TEST_P(History, OldestFirstUpToTheLimit) {
  const JobId id = enqueue();
  for (int i = 0; i < 20; ++i) client().error(take(), std::to_string(i), {.retry = RetryPolicy::constant(0s)});
  const std::vector<AttemptRecord> history = admin().history(id, 5);
  ASSERT_EQ(history.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(history[i].message, std::to_string(i));
  EXPECT_EQ(admin().history(id).size(), 20u);
  EXPECT_EQ(code_of([&] { return admin().history(id, 0); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().history(id, 1001); }), "invalid_argument");
}

TEST_P(History, ASuccessAtOnceHasNone) {
  const JobId id = enqueue();
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_TRUE(admin().history(id).empty());
}

}  // namespace sqlq::conformance
