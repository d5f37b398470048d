// Leases: as long as the job's keepalive, renewed by pings, on steady time only.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Lease, PingsKeepAJobForever) {
  const JobId id = enqueue();
  const Job job = take();
  for (int i = 0; i < 50; ++i) {
    clock().advance(29s);
    EXPECT_EQ(client().ping(job), LeaseStatus::renewed);
    EXPECT_EQ(row(id).heartbeat_at, clock().now());
    EXPECT_EQ(client().reap().total(), 0u);
  }
  EXPECT_EQ(row(id).claims, 1);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
}

TEST_P(Lease, RunsFromTheLastPing) {
  enqueue();
  const Job job = take();
  clock().advance(29s);
  EXPECT_EQ(client().ping(job), LeaseStatus::renewed);
  clock().advance(30s - 1us);
  EXPECT_EQ(client().reap().total(), 0u);
  clock().advance(2us);
  EXPECT_EQ(client().reap().total(), 1u);
}

TEST_P(Lease, APingNeverRevivesALostLease) {
  const JobId id = enqueue();
  const Job job = take();
  clock().advance(31s);
  EXPECT_EQ(client().reap().total(), 1u);
  EXPECT_EQ(client().ping(job), LeaseStatus::lost);
  EXPECT_EQ(state(id), JobState::pending);
  EXPECT_EQ(client().ping(row(id)), LeaseStatus::lost);
}

TEST_P(Lease, ManyAreRenewedInOneCall) {
  std::vector<NewJob> jobs(200, NewJob{.kind = "work"});
  client().enqueue_many(jobs);
  const std::vector<Job> claimed = claim(200);
  clock().advance(20s);
  for (const LeaseStatus status : client().ping(claimed)) EXPECT_EQ(status, LeaseStatus::renewed);
  clock().advance(20s);
  EXPECT_EQ(client().reap().total(), 0u);
}

TEST_P(Lease, ARenewedCancellingJobKeepsBeingAsked) {
  const JobId id = enqueue();
  const Job job = take();
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  for (int i = 0; i < 3; ++i) {
    clock().advance(20s);
    EXPECT_EQ(client().ping(job), LeaseStatus::cancel_requested);
    EXPECT_EQ(client().reap().total(), 0u);
  }
}

TEST_P(Lease, TheLongestKeepaliveDoesNotOverflow) {
  enqueue({.keepalive = 24h});
  const Job job = take();
  clock().advance(23h);
  EXPECT_EQ(client().reap().total(), 0u);
  EXPECT_EQ(client().ping(job), LeaseStatus::renewed);
  clock().advance(25h);
  EXPECT_EQ(client().reap().total(), 1u);
}

}  // namespace sqlq::conformance
