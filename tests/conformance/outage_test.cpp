// A crash is a death and no outage: whoever comes back alive after its lease has ended takes the crash back.

#include <stdexcept>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using backend::OutlivedClaim;

constexpr auto never = std::chrono::hours(24 * 365);

OutlivedClaim claim_of(const Job& job) { return {.id = job.id, .claim = job.claims, .worker = job.worker}; }

using Ids = std::vector<JobId>;

/// Claims a job and lets the lease end.
Job lose(Client client, testing::ManualClock& clock) {
  const std::vector<Job> jobs = client.claim();
  if (jobs.size() != 1) throw std::runtime_error("there was no job to claim");
  clock.advance(31s);
  EXPECT_EQ(client.reap().total(), 1u);
  return jobs.front();
}

std::vector<Cause> three_leases_ended() { return std::vector<Cause>(3, Cause::lease_ended); }

}  // namespace

TEST_P(Crashes, AreTakenBackWhereThatIsDeclared) {
  EXPECT_EQ(dialect().outages() != nullptr, capabilities().outages);
  const JobId id = enqueue({});
  const Job lease = lose(client(), clock());
  EXPECT_EQ(client().ping(lease), LeaseStatus::lost);
  EXPECT_EQ(row(id).crashes, capabilities().outages ? 0 : 1);
}

TEST_P(Crashes, AWorkerThatLivesTakesItsCrashBack) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({});
  const Job lease = lose(client(), clock());
  EXPECT_EQ(row(id).crashes, 1);
  EXPECT_EQ(client().ping(lease), LeaseStatus::lost);
  EXPECT_EQ(row(id).crashes, 0);
  EXPECT_EQ(causes(id), std::vector<Cause>{Cause::outage});
  EXPECT_EQ(admin().history(id).at(0).claim, 1);
  EXPECT_EQ(row(id).attempt, 1) << "the attempt stays charged";
  EXPECT_EQ(client().ping(lease), LeaseStatus::lost);
  EXPECT_EQ(row(id).crashes, 0) << "once only";
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
}

TEST_P(Crashes, ThreeOutagesDoNotEndAJobForGood) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({});
  std::vector<Job> leases;
  for (int i = 0; i < 3; ++i) {
    leases.push_back(lose(client(), clock()));
  }
  EXPECT_EQ(state(id), JobState::errored);
  EXPECT_EQ(causes(id), three_leases_ended());
  EXPECT_EQ(client().ping(std::span(leases)), std::vector<LeaseStatus>(3, LeaseStatus::lost));
  const Job job = row(id);
  EXPECT_EQ(job.state, JobState::pending);
  EXPECT_EQ(job.crashes, 0);
  EXPECT_EQ(job.attempt, 3);
  EXPECT_FALSE(job.finished_at.has_value());
  EXPECT_EQ(causes(id), std::vector<Cause>(3, Cause::outage));
  EXPECT_EQ(admin().counts()[JobState::errored].value, 0u);
  clock().advance(never);
  EXPECT_EQ(admin().purge().deleted, 0u) << "it expires no more";
  EXPECT_EQ(client().success(take(), "1"), FinishStatus::applied);
  clock().advance(25h);
  EXPECT_EQ(admin().purge().deleted, 1u);
}

TEST_P(Crashes, OneOutageAmongThemIsEnoughToGoOn) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({});
  const Job first = lose(client(), clock());
  for (int i = 0; i < 2; ++i) lose(client(), clock());
  EXPECT_EQ(state(id), JobState::errored);
  EXPECT_EQ(client().ping(first), LeaseStatus::lost);
  EXPECT_EQ(state(id), JobState::pending);
  EXPECT_EQ(row(id).crashes, 2);
  EXPECT_TRUE(is_suspect(row(id)));
  EXPECT_EQ(causes(id), (std::vector<Cause>{Cause::outage, Cause::lease_ended, Cause::lease_ended}));
  lose(client(), clock());
  EXPECT_EQ(state(id), JobState::errored);
  EXPECT_EQ(row(id).crashes, 3);
}

TEST_P(Crashes, TheNextHolderIsNotDisturbedByIt) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({});
  const Job first = lose(client(), clock());
  const Job second = take();
  EXPECT_EQ(client().ping(first), LeaseStatus::lost);
  EXPECT_EQ(row(id).state, JobState::running);
  EXPECT_EQ(row(id).crashes, 0);
  EXPECT_EQ(row(id).lease_token, second.lease_token);
  EXPECT_EQ(client().ping(second), LeaseStatus::renewed);
  EXPECT_EQ(held("default"), 1u);
  EXPECT_EQ(client().success(second, "1"), FinishStatus::applied);
  EXPECT_EQ(client().ping(first), LeaseStatus::lost);
  EXPECT_EQ(row(id).result, "1");
}

TEST_P(Crashes, WhoIsNoSuspectAnyMoreIsClaimedAsBefore) {
  SQLQ_NEEDS(outages);
  const JobId first = enqueue({.max_crashes = 2});
  const JobId second = enqueue({.max_crashes = 2});
  const std::vector<Job> leases = claim(2);
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned.size(), 2u);
  EXPECT_EQ(ids_of(claim(10)), Ids{first}) << "suspects";
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored, Ids{first});
  EXPECT_EQ(client().ping(std::span(leases)), std::vector<LeaseStatus>(2, LeaseStatus::lost));
  EXPECT_EQ(row(first).crashes, 1) << "one of two, and it goes on";
  EXPECT_EQ(row(second).crashes, 0);
  EXPECT_EQ(ids_of(claim(10)), (Ids{first, second})) << "one suspect";
}

TEST_P(Crashes, AnOperatorsRequeueHasForgivenThemAlready) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({.max_crashes = 2});
  const Job first = lose(client(), clock());
  const Job second = lose(client(), clock());
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  const Job third = lose(client(), clock());
  EXPECT_EQ(row(id).crashes, 1);
  EXPECT_EQ(client().ping(first), LeaseStatus::lost);
  EXPECT_EQ(client().ping(second), LeaseStatus::lost);
  EXPECT_EQ(row(id).crashes, 1) << "that is of the third claim";
  EXPECT_EQ(causes(id), (std::vector<Cause>{Cause::outage, Cause::outage, Cause::requeued, Cause::lease_ended}));
  EXPECT_EQ(client().ping(third), LeaseStatus::lost);
  EXPECT_EQ(row(id).crashes, 0);
}

TEST_P(Crashes, ASnoozeHasForgottenThemAlready) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({});
  const Job first = lose(client(), clock());
  EXPECT_EQ(client().snooze(take(), 0s), FinishStatus::applied);
  lose(client(), clock());
  EXPECT_EQ(client().ping(first), LeaseStatus::lost);
  EXPECT_EQ(row(id).crashes, 1);
}

TEST_P(Crashes, WithoutAttemptsLeftAnOutageEndsTheJobAllTheSame) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({.max_attempts = 1});
  const Job lease = lose(client(), clock());
  EXPECT_EQ(state(id), JobState::errored);
  EXPECT_EQ(client().ping(lease), LeaseStatus::lost);
  EXPECT_EQ(state(id), JobState::errored);
  EXPECT_EQ(row(id).crashes, 0);
  EXPECT_TRUE(row(id).finished_at.has_value());
  clock().advance(8 * 24h);
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_EQ(client().ping(lease), LeaseStatus::lost) << "of a job that is gone";
}

TEST_P(Crashes, AJobThatWasCancelledOrDiscardedStaysSo) {
  SQLQ_NEEDS(outages);
  const JobId asked = enqueue({.max_crashes = 1});
  const Job first = take();
  EXPECT_EQ(client().cancel(asked), CancelStatus::cancelling);
  clock().advance(31s);
  EXPECT_EQ(client().reap().cancelled, Ids{asked});
  const JobId discarded = enqueue({.max_crashes = 1});
  const JobId other = enqueue({.max_crashes = 5});
  EXPECT_EQ(client().error(take(), "no", {.discard = true}), FinishStatus::applied);
  const Job third = lose(client(), clock());
  EXPECT_EQ(third.id, other);
  EXPECT_EQ(client().cancel(other), CancelStatus::cancelled);
  for (const Job& lease : {first, third}) EXPECT_EQ(client().ping(lease), LeaseStatus::lost);
  EXPECT_EQ(state(asked), JobState::cancelled);
  EXPECT_EQ(state(discarded), JobState::errored);
  EXPECT_EQ(state(other), JobState::cancelled);
  EXPECT_EQ(row(asked).crashes, 0);
  EXPECT_EQ(row(other).crashes, 0);
}

TEST_P(Crashes, ALiveJobsUniqueKeyKeepsAnErroredOneEnded) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({.max_crashes = 1, .unique_key = "key"});
  const Job lease = lose(client(), clock());
  EXPECT_EQ(state(id), JobState::errored);
  const JobId next = enqueue({.unique_key = "key"});
  EXPECT_NE(next, id);
  EXPECT_EQ(client().ping(lease), LeaseStatus::lost);
  EXPECT_EQ(state(id), JobState::errored);
  EXPECT_EQ(row(id).crashes, 0);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
}

TEST_P(Crashes, AJobThatComesBackTakesItsUniqueKeyAgain) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({.max_crashes = 1, .unique_key = "key"});
  const Job lease = lose(client(), clock());
  EXPECT_EQ(client().ping(lease), LeaseStatus::lost);
  EXPECT_EQ(state(id), JobState::pending);
  const Enqueued again = client().enqueue(NewJob{.kind = "work", .options = {.unique_key = "key"}});
  EXPECT_EQ(again.id, id);
  EXPECT_FALSE(again.inserted());
}

TEST_P(Crashes, OnlyTheWorkerOfTheClaimTakesItBack) {
  SQLQ_NEEDS(outages);
  const JobId id = enqueue({});
  const Job lease = lose(client(), clock());
  const auto take_back = [&](OutlivedClaim claim) {
    return dialect().outages()->take_back_crashes(std::span(&claim, 1), clock().instant());
  };
  EXPECT_EQ(take_back({.id = id, .claim = 1, .worker = "somebody else"}), std::vector<bool>{false});
  EXPECT_EQ(take_back({.id = id, .claim = 2, .worker = lease.worker}), std::vector<bool>{false});
  const JobId unknown = JobId::make(clock().now());
  EXPECT_EQ(take_back({.id = unknown, .claim = 1, .worker = lease.worker}), std::vector<bool>{false});
  EXPECT_EQ(row(id).crashes, 1);
  const std::vector<OutlivedClaim> twice(2, claim_of(lease));
  EXPECT_EQ(dialect().outages()->take_back_crashes(twice, clock().instant()), std::vector<bool>(2, true));
  EXPECT_EQ(row(id).crashes, 0);
  EXPECT_EQ(take_back(claim_of(lease)), std::vector<bool>{true}) << "a replay";
  EXPECT_EQ(row(id).crashes, 0);
}

}  // namespace sqlq::conformance
