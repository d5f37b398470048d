// Claiming: what a claim takes, leaves, and changes.

#include <set>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Claim, MarksTheJobRunning) {
  const JobId id = client().enqueue(NewJob{.kind = "work", .params = "[1]"}).id;
  clock().advance(5s);
  const std::vector<Job> jobs = claim(1);
  ASSERT_EQ(jobs.size(), 1u);
  for (const Job& job : {jobs[0], row(id)}) {
    EXPECT_EQ(job.id, id);
    EXPECT_EQ(job.state, JobState::running);
    EXPECT_EQ(job.params, "[1]");
    EXPECT_EQ(job.attempt, 1);
    EXPECT_EQ(job.claims, 1);
    EXPECT_NE(job.lease_token, LeaseToken{});
    EXPECT_EQ(job.lease_token, jobs[0].lease_token);
    EXPECT_EQ(job.created_at, clock().now() - 5s);
    EXPECT_EQ(job.started_at, clock().now());
    EXPECT_EQ(job.heartbeat_at, clock().now());
    EXPECT_FALSE(job.finished_at);
  }
}

TEST_P(Claim, NothingReadyIsAnEmptyAnswer) {
  EXPECT_TRUE(claim(1).empty());
  EXPECT_TRUE(claim(1, {"nowhere"}).empty());
  EXPECT_FALSE(client().claim_one("nowhere"));
  enqueue();
  static_cast<void>(take());
  EXPECT_TRUE(claim(10).empty());
}

TEST_P(Claim, TakesNoMoreThanAsked) {
  for (int i = 0; i < 10; ++i) enqueue();
  EXPECT_EQ(claim(3).size(), 3u);
  EXPECT_EQ(claim(1).size(), 1u);
  EXPECT_EQ(claim(100).size(), 6u);
}

TEST_P(Claim, OnlyFromTheQueuesAskedFor) {
  const JobId a = enqueue({.queue = "a"});
  const JobId b = enqueue({.queue = "b"});
  const JobId c = enqueue({.queue = "c"});
  EXPECT_EQ(client().claim_one("b")->id, b);
  const std::vector<Job> rest = claim(10, {"a", "b", "missing"});
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].id, a);
  EXPECT_EQ(state(c), JobState::pending);
}

TEST_P(Claim, NoQueuesMeansAllAlsoThoseMadeLater) {
  enqueue({.queue = "a"});
  EXPECT_EQ(claim(10).size(), 1u);
  enqueue({.queue = "later"});
  EXPECT_EQ(claim(10).size(), 1u);
}

TEST_P(Claim, OnlyTheKindsAskedFor) {
  enqueue_kind("x");
  enqueue_kind("y");
  enqueue_kind("z", {.queue = "other"});
  const std::vector<Job> jobs = claim(10, {}, {"y", "z", "missing"});
  std::set<std::string> kinds;
  for (const Job& job : jobs) kinds.insert(job.kind);
  EXPECT_EQ(kinds, (std::set<std::string>{"y", "z"}));
  EXPECT_TRUE(claim(10, {"other"}, {"x"}).empty());
  EXPECT_EQ(client().claim_one("default", {.kinds = {"x"}})->kind, "x");
}

TEST_P(Claim, AnUnknownKindInFrontDoesNotHideTheOthers) {
  for (int i = 0; i < 200; ++i) enqueue_kind("unknown", {.priority = -1});
  const JobId id = enqueue_kind("known", {.priority = 5});
  const std::vector<Job> jobs = claim(1, {}, {"known"});
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].id, id);
}

TEST_P(Claim, QueuesAndKindsNamedTwiceCountOnce) {
  enqueue();
  EXPECT_EQ(claim(10, {"default", "default"}, {"work", "work"}).size(), 1u);
}

TEST_P(Claim, EachClaimHasATokenOfItsOwn) {
  std::set<LeaseToken> tokens;
  for (int i = 0; i < 20; ++i) {
    enqueue();
    tokens.insert(take().lease_token);
  }
  EXPECT_EQ(tokens.size(), 20u);
}

TEST_P(Claim, ANewAttemptHasANewToken) {
  enqueue();
  const Job first = take();
  EXPECT_EQ(client().release(first), FinishStatus::applied);
  const Job second = take();
  EXPECT_EQ(second.id, first.id);
  EXPECT_NE(second.lease_token, first.lease_token);
  EXPECT_EQ(second.claims, 2);
}

TEST_P(Claim, SizesOutOfRangeAreRefused) {
  EXPECT_EQ(code_of([&] { return claim(0); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return claim(10'001); }), "invalid_argument");
  EXPECT_TRUE(claim(10'000).empty());
}

TEST_P(Claim, SaysWhenTheNextJobIsDue) {
  enqueue({.delay = 90s});
  const backend::ClaimResult result = dialect().claim({.limit = 1, .token = {77}, .now = clock().instant()});
  EXPECT_TRUE(result.jobs.empty());
  if (result.next_due) {  // a hint: allowed to be missing
    EXPECT_EQ(*result.next_due, clock().now() + 90s);
  }
}

}  // namespace sqlq::conformance
