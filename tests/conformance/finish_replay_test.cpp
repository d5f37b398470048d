// Finishing, and finishing again after an answer that never came: a replay changes nothing and is told so.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(FinishReplay, SuccessEndsTheJob) {
  const JobId id = enqueue();
  const Job job = take();
  clock().advance(7s);
  EXPECT_EQ(client().success(job, R"({"ok":true})"), FinishStatus::applied);
  const Job after = row(id);
  EXPECT_EQ(after.state, JobState::success);
  EXPECT_EQ(after.result, R"({"ok":true})");
  EXPECT_EQ(after.finished_at, clock().now());
  EXPECT_EQ(after.attempt, 1);
  EXPECT_EQ(after.lease_token, job.lease_token);
  EXPECT_TRUE(causes(id).empty());
  EXPECT_TRUE(claim(1).empty());
}

TEST_P(FinishReplay, SuccessWithoutAResultHasNone) {
  const JobId id = enqueue();
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(row(id).result, "");
}

TEST_P(FinishReplay, TheSecondSuccessIsAReplay) {
  const JobId id = enqueue();
  const Job job = take();
  EXPECT_EQ(client().success(job, "1"), FinishStatus::applied);
  const Job before = row(id);
  clock().advance(5s);
  EXPECT_EQ(client().success(job, "2"), FinishStatus::already_applied);
  EXPECT_EQ(row(id).result, "1");
  EXPECT_EQ(row(id).finished_at, before.finished_at);
}

TEST_P(FinishReplay, TheSecondErrorIsAReplay) {
  const JobId id = enqueue();
  const Job job = take();
  EXPECT_EQ(client().error(job, "first"), FinishStatus::applied);
  const Job before = row(id);
  EXPECT_EQ(client().error(job, "second"), FinishStatus::already_applied);
  EXPECT_EQ(row(id).run_at, before.run_at);
  const std::vector<AttemptRecord> history = admin().history(id);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].message, "first");
}

// Seven calls, and what each is: the number of the way in which it ends a lease.
struct EndingCall {
  const char* name;
  int way;
  FinishStatus (*end)(Client, const Job&);
};
const EndingCall ending_calls[] = {
    {"success", 1, [](Client c, const Job& j) { return c.success(j, "1"); }},
    {"error", 2, [](Client c, const Job& j) { return c.error(j, "no", {.retry = RetryPolicy::constant(60s)}); }},
    {"error at once", 2, [](Client c, const Job& j) { return c.error(j, "no", {.retry = RetryPolicy::constant(0s)}); }},
    {"discard", 3, [](Client c, const Job& j) { return c.error(j, "no", {.discard = true}); }},
    {"cancelled", 4, [](Client c, const Job& j) { return c.cancelled(j); }},
    {"snooze", 5, [](Client c, const Job& j) { return c.snooze(j, 60s); }},
    {"release", 6, [](Client c, const Job& j) { return c.release(j); }},
};

TEST_P(FinishReplay, OfTwoEndingsOfOneLeaseTheSecondIsTold) {
  for (const bool cancelling : {false, true}) {
    for (const EndingCall& first : ending_calls) {
      for (const EndingCall& second : ending_calls) {
        SCOPED_TRACE(std::string(first.name) + ", then " + second.name + (cancelling ? ", asked to cancel" : ""));
        const JobId id = enqueue();
        const Job job = take();
        ASSERT_EQ(job.id, id);
        if (cancelling) client().cancel(id);
        EXPECT_EQ(first.end(client(), job), cancelling ? FinishStatus::cancelled : FinishStatus::applied);
        const Job before = row(id);
        const std::vector<Cause> said = causes(id);
        const FinishStatus answer = second.end(client(), job);
        EXPECT_EQ(answer, first.way == second.way ? FinishStatus::already_applied : FinishStatus::ended_otherwise);
        EXPECT_EQ(accepted(answer), first.way == second.way);
        EXPECT_EQ(client().ping(job), LeaseStatus::lost);
        const Job after = row(id);
        EXPECT_EQ(after.state, before.state);
        EXPECT_EQ(after.result, before.result);
        EXPECT_EQ(after.attempt, before.attempt);
        EXPECT_EQ(after.run_at, before.run_at);
        EXPECT_EQ(after.finished_at, before.finished_at);
        EXPECT_EQ(causes(id), said);
        client().cancel(id);  // out of the way of the next pair, when it waits
        EXPECT_EQ(second.end(client(), job), answer) << "what happened to the job since is not its lease's end";
      }
    }
  }
}

TEST_P(FinishReplay, AnErrorForGoodIsADiscardedOne) {
  enqueue({.max_attempts = 1});
  const Job job = take();
  EXPECT_EQ(client().error(job, "no"), FinishStatus::applied);
  EXPECT_EQ(client().error(job, "no", {.discard = true}), FinishStatus::already_applied);
  EXPECT_EQ(client().success(job), FinishStatus::ended_otherwise);
}

TEST_P(FinishReplay, ReleaseAndSnoozeGiveTheAttemptBackOnce) {
  for (const bool snooze : {false, true}) {
    const JobId id = enqueue();
    const Job job = take();
    for (int i = 0; i < 3; ++i) {
      const FinishStatus status = snooze ? client().snooze(job, 1s) : client().release(job);
      EXPECT_EQ(status, i == 0 ? FinishStatus::applied : FinishStatus::already_applied);
    }
    EXPECT_EQ(row(id).attempt, 0);
    EXPECT_EQ(causes(id).size(), 1u);
    EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
  }
}

TEST_P(FinishReplay, AfterTheNextClaimAReplayIsStale) {
  enqueue();
  const Job first = take();
  EXPECT_EQ(client().error(first, "no", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  EXPECT_EQ(client().error(first, "no"), FinishStatus::already_applied);
  const Job second = take();
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(client().error(first, "no"), FinishStatus::stale);
  EXPECT_EQ(state(second.id), JobState::running);
}

TEST_P(FinishReplay, ABatchMayNameAJobTwice) {
  enqueue();
  const Job job = take();
  const backend::Finish item{.id = job.id, .token = job.lease_token};
  EXPECT_EQ(dialect().finish(std::vector<backend::Finish>{item, item}, nullptr, clock().instant()),
            (std::vector<FinishStatus>{FinishStatus::applied, FinishStatus::already_applied}));
  const backend::Finish other{.id = job.id, .token = job.lease_token, .kind = backend::FinishKind::release};
  EXPECT_EQ(dialect().finish(std::vector<backend::Finish>{other, item}, nullptr, clock().instant()),
            (std::vector<FinishStatus>{FinishStatus::ended_otherwise, FinishStatus::already_applied}));
}

TEST_P(FinishReplay, ABatchOfEveryKindAnswersInOrder) {
  using backend::Finish;
  using backend::FinishKind;
  for (int i = 0; i < 6; ++i) enqueue();
  const std::vector<Job> jobs = claim(6);
  const std::vector<FinishKind> kinds = {FinishKind::success, FinishKind::retry,  FinishKind::fail,
                                         FinishKind::cancel,  FinishKind::snooze, FinishKind::release};
  std::vector<Finish> items;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    items.push_back({.id = jobs[i].id, .token = jobs[i].lease_token, .kind = kinds[i], .delay = 10s});
  }
  const std::vector<FinishStatus> said = dialect().finish(items, nullptr, clock().instant());
  ASSERT_EQ(said.size(), items.size());
  for (const FinishStatus status : said) EXPECT_TRUE(accepted(status));
  EXPECT_EQ(state(jobs[0].id), JobState::success);
  EXPECT_EQ(state(jobs[1].id), JobState::scheduled);
  EXPECT_EQ(state(jobs[2].id), JobState::errored);
  EXPECT_EQ(state(jobs[3].id), JobState::cancelled);
  EXPECT_EQ(state(jobs[4].id), JobState::scheduled);
  EXPECT_EQ(state(jobs[5].id), JobState::pending);
}

TEST_P(FinishReplay, EmptyBatchesAreAllowed) {
  EXPECT_TRUE(dialect().finish({}, nullptr, clock().instant()).empty());
  EXPECT_TRUE(client().ping(std::span<const Job>{}).empty());
  EXPECT_TRUE(dialect().cancel({}, nullptr, clock().instant()).empty());
  EXPECT_TRUE(dialect().append_logs({}).empty());
  EXPECT_TRUE(dialect().get({}, nullptr).empty());
}

}  // namespace sqlq::conformance
