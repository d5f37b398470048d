// Promise I7, second half: a job that kills its worker again and again is stopped, and not those beside it.

#include <algorithm>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

/// Lets everything that waits crash until only one crash is left.
void suspect_all(Client client, testing::ManualClock& clock) {
  for (int crash = 0; crash < 2; ++crash) {
    EXPECT_FALSE(client.claim({}, {}, 100).empty());
    clock.advance(31s);
    static_cast<void>(client.reap());
  }
}

using Ids = std::vector<JobId>;

}  // namespace

TEST_P(Crashes, StopTheJobAfterMaxCrashes) {
  const JobId id = enqueue({.max_attempts = 25, .max_crashes = 3});
  for (int crash = 1; crash <= 3; ++crash) {
    EXPECT_EQ(take().attempt, crash);
    clock().advance(31s);
    const ReapReport report = client().reap();
    EXPECT_EQ(report.returned.size(), crash < 3 ? 1u : 0u);
    EXPECT_EQ(report.errored.size(), crash < 3 ? 0u : 1u);
    EXPECT_EQ(row(id).crashes, crash);
  }
  EXPECT_EQ(state(id), JobState::errored);
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(causes(id), std::vector<Cause>(3, Cause::lease_ended));
}

TEST_P(Crashes, OneIsEnoughWhenOnlyOneIsAllowed) {
  const JobId id = enqueue({.max_crashes = 1});
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored, std::vector<JobId>{id});
}

TEST_P(Crashes, OrdinaryErrorsAreNotCrashes) {
  const JobId id = enqueue({.max_crashes = 1});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client().error(take(), "no", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  }
  EXPECT_EQ(row(id).crashes, 0);
  EXPECT_EQ(row(id).attempt, 5);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
}

TEST_P(Crashes, ErrorsInBetweenDoNotForgiveThem) {
  const JobId id = enqueue({.max_crashes = 2});
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned.size(), 1u);
  EXPECT_EQ(client().error(take(), "no", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored, std::vector<JobId>{id});
}

TEST_P(Crashes, AJobIsSuspectedBeforeTheOneThatWouldEndIt) {
  const JobId usual = enqueue({.max_crashes = 3});
  const JobId strong = enqueue({.max_crashes = 100});
  const JobId weak = enqueue({.max_crashes = 2});
  EXPECT_FALSE(is_suspect(row(usual)) || is_suspect(row(strong)) || is_suspect(row(weak)));
  EXPECT_EQ(claim(3).size(), 3u);
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned.size(), 3u);
  EXPECT_FALSE(is_suspect(row(usual)) || is_suspect(row(strong)));
  EXPECT_TRUE(is_suspect(row(weak)));
  EXPECT_EQ(claim(3).size(), 3u);
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned.size(), 2u);
  EXPECT_TRUE(is_suspect(row(usual)));
  EXPECT_FALSE(is_suspect(row(strong)));
}

TEST_P(Crashes, OneClaimTakesOneSuspect) {
  const JobId first = enqueue({});
  const JobId second = enqueue({});
  const JobId third = enqueue_kind("other", {});
  suspect_all(client(), clock());
  const JobId fresh = enqueue();
  const JobId urgent = enqueue({.priority = 1});
  EXPECT_EQ(ids_of(claim(10)), (Ids{urgent, first, fresh})) << "in the order of all";
  EXPECT_EQ(ids_of(claim(10)), Ids{second});
  EXPECT_EQ(ids_of(claim(1)), Ids{third});
  EXPECT_TRUE(claim(1).empty());
}

TEST_P(Crashes, AClaimTakesAsManySuspectsAsItIsAskedTo) {
  Ids all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(enqueue({}));
    all.push_back(enqueue_kind("other", {}));
  }
  suspect_all(client(), clock());
  const JobId fresh = enqueue();
  const auto claim_with = [&](std::size_t suspects, std::int64_t token) {
    return ids_of(dialect().claim({.limit = 10, .token = LeaseToken{token}, .worker = "w", .suspects = suspects,
                                   .now = clock().instant()}).jobs);
  };
  EXPECT_EQ(claim_with(2, -1), (Ids{all[0], all[1], fresh}));
  EXPECT_EQ(claim_with(3, -2), (Ids{all[2], all[3], all[4]}));
  EXPECT_EQ(claim_with(9, -3), (Ids{all[5]}));
}

TEST_P(Crashes, ASuspectBesideOthersIsNotEndedByItsCrash) {
  const JobId together = enqueue({});
  const JobId last_attempt = enqueue({.max_attempts = 3});
  suspect_all(client(), clock());
  const JobId fresh = enqueue({.max_crashes = 1});
  const backend::ClaimRequest request{.limit = 10, .token = LeaseToken{-7}, .worker = "w", .suspects = 9,
                                      .now = clock().instant()};
  EXPECT_EQ(dialect().claim(request).jobs.size(), 3u);
  clock().advance(31s);
  const ReapReport report = client().reap();
  EXPECT_EQ(report.returned, Ids{together});
  EXPECT_EQ(report.errored.size(), 2u) << "without attempts left, and no suspect";
  EXPECT_EQ(state(last_attempt), JobState::errored);
  EXPECT_EQ(state(fresh), JobState::errored);
  const Job job = row(together);
  EXPECT_EQ(job.state, JobState::pending);
  EXPECT_EQ(job.crashes, 3);
  EXPECT_TRUE(is_suspect(job));
  EXPECT_FALSE(job.finished_at.has_value());
  EXPECT_EQ(ids_of(claim(1)), Ids{together});
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored, Ids{together}) << "alone it is";
  EXPECT_EQ(row(together).crashes, 4);
}

TEST_P(Crashes, AClaimThatWantsNoSuspectPassesThemOver) {
  const JobId suspect = enqueue({});
  suspect_all(client(), clock());
  const JobId fresh = enqueue();
  const auto claim_without = [&](std::int64_t token) {
    return dialect().claim({.limit = 10, .token = LeaseToken{token}, .worker = "w", .suspects = 0,
                            .now = clock().instant()});
  };
  backend::ClaimResult result = claim_without(1);
  EXPECT_EQ(ids_of(result.jobs), Ids{fresh});
  EXPECT_TRUE(result.suspects) << "some wait";
  result = claim_without(2);
  EXPECT_TRUE(result.jobs.empty());
  EXPECT_TRUE(result.suspects);
  EXPECT_EQ(state(suspect), JobState::pending);
  EXPECT_EQ(ids_of(claim(10)), Ids{suspect});
  EXPECT_FALSE(claim_without(3).suspects) << "none waits";
}

TEST_P(Crashes, ASuspectThatFailsOrIsGivenBackStaysOne) {
  const JobId first = enqueue({});
  const JobId second = enqueue({});
  suspect_all(client(), clock());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client().error(take(), "no", {.retry = RetryPolicy::constant(10s)}), FinishStatus::applied);
  }
  EXPECT_EQ(state(first), JobState::scheduled);
  EXPECT_EQ(state(second), JobState::scheduled);
  clock().advance(11s);
  EXPECT_EQ(ids_of(claim(10)), Ids{first});
  const Job job = take();
  EXPECT_EQ(job.id, second);
  EXPECT_EQ(client().release(job), FinishStatus::applied);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(state(second), JobState::success);
}

TEST_P(Crashes, ASnoozeForgetsThem) {
  const JobId id = enqueue({});
  const JobId other = enqueue({});
  suspect_all(client(), clock());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(client().snooze(take(), 10s), FinishStatus::applied);
  EXPECT_EQ(row(id).crashes, 0);
  EXPECT_FALSE(is_suspect(row(id)));
  clock().advance(11s);
  EXPECT_EQ(ids_of(claim(10)), (Ids{id, other})) << "no suspects any more";
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned.size(), 2u);
  EXPECT_EQ(row(id).crashes, 1);
}

TEST_P(Crashes, ASuspectCountsForTheLimitOfItsQueue) {
  admin().create_queue("narrow", {.concurrency = 1});
  const JobId suspect = enqueue({.queue = "narrow"});
  suspect_all(client(), clock());
  const JobId fresh = enqueue({.queue = "narrow"});
  EXPECT_EQ(ids_of(claim(10)), Ids{suspect});
  EXPECT_TRUE(claim(10).empty());
  EXPECT_EQ(client().cancel(suspect), CancelStatus::cancelling);
  clock().advance(31s);
  EXPECT_EQ(client().reap().cancelled, Ids{suspect});
  EXPECT_EQ(ids_of(claim(10)), Ids{fresh});
}

TEST_P(Crashes, ASuspectIsSeenAndCancelledLikeAnyOther) {
  const JobId suspect = enqueue({});
  suspect_all(client(), clock());
  EXPECT_EQ(row(suspect).queue, "default");
  EXPECT_EQ(row(suspect).kind, "work");
  EXPECT_EQ(admin().counts("default")[JobState::pending].value, 1u);
  EXPECT_EQ(admin().counts()[JobState::pending].value, 1u);
  EXPECT_EQ(ids_of(admin().list({.kinds = {"work"}})), Ids{suspect});
  ASSERT_EQ(admin().waiting_kinds().size(), 1u);
  enqueue();
  EXPECT_EQ(admin().counts("default")[JobState::pending].value, 2u);
  ASSERT_EQ(admin().waiting_kinds().size(), 1u) << "one kind, however many lanes";
  EXPECT_EQ(client().cancel(suspect), CancelStatus::cancelled);
  EXPECT_EQ(claim(10).size(), 1u);
}

TEST_P(Crashes, AnOperatorWhoRequeuesForgives) {
  const JobId id = enqueue({.max_crashes = 3});
  const JobId beside = enqueue({.max_crashes = 3});
  suspect_all(client(), clock());
  for (const JobId suspect : {id, beside}) EXPECT_EQ(take().id, suspect);
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored.size(), 2u);
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  EXPECT_EQ(admin().requeue(beside), RequeueStatus::requeued);
  EXPECT_EQ(claim(10).size(), 2u);
}

}  // namespace sqlq::conformance
