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
  EXPECT_FALSE(admin().last_records(std::vector{id}).at(0));
}

namespace {

void expect_same(const AttemptRecord& a, const AttemptRecord& b) {
  EXPECT_EQ(a.claim, b.claim);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.cause, b.cause);
  EXPECT_EQ(a.at, b.at);
  EXPECT_EQ(a.worker, b.worker);
  EXPECT_EQ(a.message, b.message);
}

}  // namespace

TEST_P(History, TheLastRecordsOfAPage) {
  const JobId twice = enqueue();
  for (const char* message : {"first", "\xC3\xA4 'last' \xF0\x9F\x92\xA5\nof two lines"}) {
    EXPECT_EQ(client().error(take(), message, {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  }
  EXPECT_EQ(client().cancel(twice), CancelStatus::cancelled);
  const JobId full = enqueue();
  for (int i = 0; i < 30; ++i) EXPECT_EQ(client().snooze(take(), 0s), FinishStatus::applied);
  EXPECT_EQ(client().error(take(), "the end", {.discard = true}), FinishStatus::applied);
  const JobId fresh = enqueue();
  const JobId unknown = JobId::make(clock().now());

  const std::vector<JobId> ids{full, unknown, twice, fresh, full};
  const std::vector<std::optional<AttemptRecord>> last = admin().last_records(ids);
  ASSERT_EQ(last.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    SCOPED_TRACE(i);
    const std::vector<AttemptRecord> whole = admin().history(ids[i], 1000);
    ASSERT_EQ(last[i].has_value(), !whole.empty());
    if (last[i]) expect_same(*last[i], whole.back());
  }
  EXPECT_EQ(last[0]->message, "the end");
  EXPECT_EQ(last[2]->cause, Cause::cancelled);
}

TEST_P(History, TheLastRecordsAreOfAThousandJobsAtMost) {
  EXPECT_TRUE(admin().last_records({}).empty());
  const std::vector<JobId> most(1000, enqueue());
  EXPECT_EQ(admin().last_records(most).size(), 1000u);
  const std::vector<JobId> more(1001, most.front());
  EXPECT_EQ(code_of([&] { return admin().last_records(more); }), "invalid_argument");
}

}  // namespace sqlq::conformance
