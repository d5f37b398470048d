// Errors: another attempt after a back-off while attempts are left, else errored.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Retry, AnErrorSchedulesTheNextAttempt) {
  const JobId id = enqueue({.max_attempts = 2});
  EXPECT_EQ(client().error(take(), "first", {.retry = RetryPolicy::constant(10s)}), FinishStatus::applied);
  const Job waiting = row(id);
  EXPECT_EQ(waiting.state, JobState::scheduled);
  EXPECT_EQ(waiting.run_at, clock().now() + 10s);
  EXPECT_EQ(waiting.queued_at, clock().now());
  EXPECT_EQ(waiting.attempt, 1);
  EXPECT_FALSE(waiting.finished_at);

  clock().advance(10s - 1us);
  EXPECT_TRUE(claim(1).empty());
  clock().advance(1us);
  const Job second = take();
  EXPECT_EQ(second.id, id);
  EXPECT_EQ(second.attempt, 2);
}

TEST_P(Retry, WithoutADelayTheJobIsPendingAtOnce) {
  const JobId id = enqueue();
  EXPECT_EQ(client().error(take(), "no", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  EXPECT_EQ(state(id), JobState::pending);
  EXPECT_EQ(row(id).run_at, clock().now());
  EXPECT_EQ(client().snooze(take(), 0s), FinishStatus::applied);
  EXPECT_EQ(state(id), JobState::pending);
}

TEST_P(Retry, TheLastAttemptEndsInErrored) {
  const JobId id = enqueue({.max_attempts = 2});
  EXPECT_EQ(client().error(take(), "first", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  EXPECT_EQ(client().error(take(), "second", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  const Job job = row(id);
  EXPECT_EQ(job.state, JobState::errored);
  EXPECT_EQ(job.finished_at, clock().now());
  EXPECT_EQ(job.attempt, 2);
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(causes(id), (std::vector<Cause>{Cause::failed, Cause::failed}));
}

TEST_P(Retry, DiscardEndsItThoughAttemptsAreLeft) {
  const JobId id = enqueue();
  EXPECT_EQ(client().error(take(), "hopeless", {.discard = true}), FinishStatus::applied);
  EXPECT_EQ(state(id), JobState::errored);
  const std::vector<AttemptRecord> history = admin().history(id);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].cause, Cause::discarded);
  EXPECT_EQ(history[0].message, "hopeless");
}

TEST_P(Retry, TheDefaultBackOffIsTheDocumentedOne) {
  const JobId id = enqueue();
  const TimePoint now = clock().now();
  EXPECT_EQ(client().error(take(), "no"), FinishStatus::applied);
  EXPECT_GE(row(id).run_at, now + 11s);            // 1^4 + 10
  EXPECT_LE(row(id).run_at, now + 11s + 29s * 2);  // + rand(30) * (1 + 1)
}

TEST_P(Retry, ThePolicyIsAskedWithTheAttemptThatFailed) {
  const JobId id = enqueue();
  const RetryPolicy policy{[](int attempt) { return Duration(std::chrono::minutes(attempt)); }};
  for (int attempt = 1; attempt <= 4; ++attempt) {
    EXPECT_EQ(client().error(take(), "no", {.retry = policy}), FinishStatus::applied);
    EXPECT_EQ(row(id).run_at, clock().now() + std::chrono::minutes(attempt));
    clock().advance(std::chrono::minutes(attempt));
  }
}

TEST_P(Retry, AbsurdPoliciesAreTamed) {
  const JobId id = enqueue();
  EXPECT_EQ(client().error(take(), "no", {.retry = RetryPolicy::constant(-1h)}), FinishStatus::applied);
  EXPECT_EQ(client().error(take(), "no", {.retry = RetryPolicy{[](int) -> Duration { throw 1; }}}),
            FinishStatus::applied);
  EXPECT_GE(row(id).run_at, clock().now() + default_backoff(2, 0)) << "it threw: the default delay";
  clock().advance(24h);
  EXPECT_EQ(client().error(take(), "no", {.retry = RetryPolicy::constant(Duration::max())}), FinishStatus::applied);
  EXPECT_EQ(state(id), JobState::scheduled);
  EXPECT_LE(row(id).run_at, clock().now() + 24h * 365);
  EXPECT_GT(row(id).run_at, clock().now());
}

TEST_P(Retry, MessagesAreCutAndCleanedNeverRefused) {
  const JobId id = enqueue();
  const RetryPolicy at_once = RetryPolicy::constant(0s);
  EXPECT_EQ(client().error(take(), "", {.retry = at_once}), FinishStatus::applied);
  EXPECT_EQ(client().error(take(), std::string("a\0b\xFF", 4), {.retry = at_once}), FinishStatus::applied);
  std::string huge;
  for (int i = 0; i < 100'000; ++i) huge += "\xC3\xA9";
  EXPECT_EQ(client().error(take(), huge, {.retry = at_once}), FinishStatus::applied);

  const std::vector<AttemptRecord> history = admin().history(id);
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[0].message, "");
  EXPECT_EQ(history[1].message.find('\xFF'), std::string::npos);
  EXPECT_EQ(history[1].message.front(), 'a');
  EXPECT_LE(history[2].message.size(), 64u * 1024);
  EXPECT_GT(history[2].message.size(), 63u * 1024);
  EXPECT_EQ(history[2].message, huge.substr(0, history[2].message.size()));
  EXPECT_EQ(history[2].message.size() % 2, 0u) << "cut inside a character";
}

TEST_P(Retry, AnErrorOfOneJobLeavesTheOthers) {
  enqueue();
  enqueue();
  const std::vector<Job> jobs = claim(2);
  EXPECT_EQ(client().error(jobs[0], "no", {.discard = true}), FinishStatus::applied);
  EXPECT_EQ(state(jobs[1].id), JobState::running);
}

}  // namespace sqlq::conformance
