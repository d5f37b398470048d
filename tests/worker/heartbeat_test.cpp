#include <gtest/gtest.h>

#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

void keepalive_1s(Job& job) { job.keepalive = 1s; }

TEST(Heartbeat, RenewsAllLeasesInOneCallAfterAThirdOfTheShortestKeepalive) {
  Services s;
  s.database.add();
  s.database.add([](Job& job) { job.keepalive = 15s; });
  s.runtime.fetcher.step();
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(5s));
  s.clock->advance(5s);
  EXPECT_EQ(s.runtime.heartbeat.step(), SteadyPoint::min());
  EXPECT_EQ(s.database.heartbeats, (std::vector<std::size_t>{2}));
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(5s));
}

TEST(Heartbeat, BeatsEveryTenSecondsAtLeast) {
  Services s;
  s.database.add([](Job& job) { job.keepalive = 24h; });
  s.runtime.fetcher.step();
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(10s));
}

TEST(Heartbeat, SleepsWithoutLeasesAndIsWokenByTheFirst) {
  Services s;
  EXPECT_EQ(s.runtime.heartbeat.turn(), SteadyPoint::max());
  s.database.add(keepalive_1s);
  s.runtime.fetcher.step();
  EXPECT_TRUE(s.runtime.heartbeat.wait_until(s.clock->steady()));
}

TEST(Heartbeat, ALeaseThatNeedsNoEarlierBeatDoesNotWakeIt) {
  Services s;
  s.database.add(keepalive_1s);
  s.runtime.fetcher.step();
  s.runtime.heartbeat.turn();
  s.runtime.heartbeat.wait_until(s.clock->steady());
  s.database.add();
  s.runtime.fetcher.step();
  EXPECT_FALSE(s.runtime.heartbeat.wait_until(s.clock->steady()));
}

TEST(Heartbeat, ALostLeaseStopsTheHandlerAndIsRenewedNoMore) {
  Services s;
  const JobId id = s.database.add(keepalive_1s);
  const auto lease = s.claim_one();
  lease->start(s.in(0s), SteadyPoint::max());
  s.database.steal(id);
  s.clock->advance(400ms);
  s.runtime.heartbeat.step();
  EXPECT_TRUE(lease->stop_token().stop_requested());
  EXPECT_EQ(lease->stop_reason(), StopReason::lease_lost);
  EXPECT_TRUE(s.reported("the lease was lost"));
  EXPECT_EQ(s.runtime.heartbeat.step(), SteadyPoint::max());
}

TEST(Heartbeat, BringsACancellation) {
  Services s;
  const JobId id = s.database.add();
  const auto lease = s.claim_one();
  Client(s.base.db).cancel(id);
  s.clock->advance(10s);
  s.runtime.heartbeat.step();
  EXPECT_EQ(lease->stop_reason(), StopReason::cancel);
  EXPECT_FALSE(lease->lost());
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(10s)) << "the lease is kept until the handler returns";
}

TEST(Heartbeat, AHintBringsACancellationAtOnceButNotMoreThanTwiceASecond) {
  Services s;
  const JobId id = s.database.add();
  const auto lease = s.claim_one();
  s.runtime.heartbeat.hint();
  s.runtime.heartbeat.step();
  EXPECT_EQ(s.database.heartbeats.size(), 1U);
  Client(s.base.db).cancel(id);
  s.runtime.heartbeat.hint();
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(500ms));
  s.clock->advance(500ms);
  s.runtime.heartbeat.step();
  EXPECT_EQ(lease->stop_reason(), StopReason::cancel);
}

TEST(Heartbeat, WhereNobodyTellsOfACancellationItAsksForItWithinThreeSeconds) {
  Services s;
  s.database.able.cross_process_wakeup = false;
  const JobId id = s.database.add();
  EXPECT_EQ(s.runtime.heartbeat.turn(), SteadyPoint::max());
  const auto lease = s.claim_one();
  EXPECT_TRUE(s.runtime.heartbeat.wait_until(s.clock->steady())) << "woken by the claim";
  Client(s.base.db).cancel(id);
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(2500ms));
  s.clock->advance(2500ms);
  s.runtime.heartbeat.step();
  EXPECT_EQ(lease->stop_reason(), StopReason::cancel);
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(10s)) << "there is nothing more to hear";
  lease->finish();
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(10s));
  EXPECT_EQ(s.database.heartbeats.size(), 1U);
}

TEST(Heartbeat, WhereNobodyElseCanCancelItDoesNotAsk) {
  Services s;
  s.database.able.cross_process_wakeup = false;
  s.database.able.shared_storage = false;
  s.database.add();
  s.runtime.fetcher.step();
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(10s));
}

TEST(Heartbeat, WhereNobodyTellsItAsksNothingWithoutRunningJobs) {
  Services s;
  s.database.able.cross_process_wakeup = false;
  EXPECT_EQ(s.runtime.heartbeat.step(), SteadyPoint::max());
}

// Its row is locked until that transaction ends; if it is undone, the lease may have ended meanwhile.
TEST(Heartbeat, ALeaseInTheHandlersOwnTransactionIsRenewedSoonAfterIt) {
  Services s;
  s.database.add();
  const auto lease = s.claim_one();
  lease->set_completing(true);
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(1s));
  lease->set_completing(false);
  EXPECT_EQ(s.runtime.heartbeat.step(), s.in(10s));
}

TEST(Heartbeat, AHintDuringTheClaimCountsForItsJobs) {
  Services s;
  const JobId id = s.database.add();
  s.database.during_claim = [&] { s.runtime.heartbeat.hint(); };
  const auto lease = s.claim_one();
  Client(s.base.db).cancel(id);
  s.runtime.heartbeat.step();
  EXPECT_EQ(lease->stop_reason(), StopReason::cancel);
}

TEST(Heartbeat, HintsWithoutRunningJobsAskNothing) {
  Services s;
  s.runtime.heartbeat.hint();
  EXPECT_EQ(s.runtime.heartbeat.step(), SteadyPoint::max());
  EXPECT_TRUE(s.database.heartbeats.empty());
}

TEST(Heartbeat, AHintIsKeptWhenTheDatabaseIsAway) {
  Services s;
  s.database.add();
  s.runtime.fetcher.step();
  s.database.away = true;
  s.runtime.heartbeat.hint();
  EXPECT_THROW(s.runtime.heartbeat.step(), Error);
  s.database.away = false;
  s.runtime.heartbeat.step();
  EXPECT_EQ(s.database.heartbeats.size(), 1U);
}

// So often that whoever waits for a locked table, a second at most, looks at it without a gap of two (LockWatch).
TEST(Heartbeat, RetriesWithinLessThanASecond) {
  Services s;
  EXPECT_EQ(s.runtime.heartbeat.retry().most, 400ms);
}

TEST(Heartbeat, AnOutcomeBeingWrittenIsNoLostLease) {
  Services s;
  const JobId id = s.database.add(keepalive_1s);
  const auto lease = s.claim_one();
  lease->finish();
  s.database.steal(id);
  s.clock->advance(400ms);
  s.runtime.heartbeat.step();
  EXPECT_FALSE(lease->lost());
  EXPECT_FALSE(s.reported("lost"));
}

TEST(Watchdog, FencesTheWorkerBeforeOthersMayTakeTheJob) {
  Services s;
  s.database.add();
  const auto lease = s.claim_one();
  lease->start(s.in(0s), SteadyPoint::max());
  s.database.away = true;
  EXPECT_EQ(s.runtime.watchdog.step(), s.in(25s)) << "a sixth of the keepalive before its end";
  s.clock->advance(25s - 1us);
  s.runtime.watchdog.step();
  EXPECT_FALSE(lease->stop_token().stop_requested());
  s.clock->advance(1us);
  EXPECT_EQ(s.runtime.watchdog.step(), SteadyPoint::max());
  EXPECT_EQ(lease->stop_reason(), StopReason::lease_lost);
  EXPECT_TRUE(s.reported("could not be renewed in time"));
  EXPECT_EQ(s.runtime.heartbeat.step(), SteadyPoint::max()) << "what was given up is not renewed";
}

TEST(Watchdog, KeepsALeaseForAsLongAsNobodyCanWrite) {
  Services s;
  s.database.add();
  const auto lease = s.claim_one();
  lease->start(s.in(0s), s.in(28s));
  s.database.locked = s.in(24s);
  s.clock->advance(25s);
  EXPECT_EQ(s.runtime.watchdog.step(), s.in(100ms));
  s.clock->advance(2950ms);
  EXPECT_EQ(s.runtime.watchdog.step(), s.in(50ms)) << "the attempt may still time out";
  EXPECT_EQ(lease->stop_reason(), StopReason::none);
  s.clock->advance(1h);
  s.database.locked.reset();
  s.runtime.watchdog.step();
  EXPECT_TRUE(lease->lost());
}

TEST(Watchdog, WhereNothingIsKnownOfLocksTheLeaseIsLostAtItsFence) {
  Services s;
  s.database.knows_outages = false;
  s.database.locked = s.in(0s);
  s.database.add();
  const auto lease = s.claim_one();
  lease->start(s.in(0s), SteadyPoint::max());
  s.clock->advance(26s);
  s.runtime.watchdog.step();
  EXPECT_EQ(lease->stop_reason(), StopReason::lease_lost);
}

TEST(Watchdog, WhatBeganToBeLockedAfterTheFenceKeepsNothing) {
  Services s;
  s.database.add();
  const auto lease = s.claim_one();
  lease->start(s.in(0s), SteadyPoint::max());
  s.clock->advance(26s);
  s.database.locked = s.in(0s);
  s.runtime.watchdog.step();
  EXPECT_EQ(lease->stop_reason(), StopReason::lease_lost);
}

TEST(Watchdog, ARenewalPutsTheFenceOff) {
  Services s;
  s.database.add();
  const auto lease = s.claim_one();
  s.clock->advance(10s);
  s.runtime.heartbeat.step();
  EXPECT_EQ(s.runtime.watchdog.step(), s.in(25s));
}

TEST(Watchdog, TheLeaseIsReckonedFromWhenTheRenewalWasSent) {
  Services s;
  s.database.add();
  const SteadyPoint before = s.clock->steady();
  const auto lease = s.claim_one();
  EXPECT_EQ(lease->fence_at(), before + 25s);
}

TEST(Watchdog, TripsTheTokenOfAnAttemptThatRunsTooLong) {
  Services s;
  s.database.add();
  const auto lease = s.claim_one();
  lease->start(s.in(0s), s.in(3s));
  EXPECT_EQ(s.runtime.watchdog.step(), s.in(3s));
  s.clock->advance(3s);
  EXPECT_EQ(s.runtime.watchdog.step(), s.in(22s)) << "the fence stays";
  EXPECT_EQ(lease->stop_reason(), StopReason::timeout);
}

TEST(Watchdog, LeavesJobsAloneWhoseHandlerHasReturned) {
  Services s;
  s.database.add();
  const auto lease = s.claim_one();
  lease->start(s.in(0s), s.in(3s));
  lease->finish();
  s.clock->advance(1h);
  EXPECT_EQ(s.runtime.watchdog.step(), SteadyPoint::max());
  EXPECT_FALSE(lease->stop_token().stop_requested());
}

TEST(Held, TheFirstReasonStays) {
  worker::Held lease(Job{.keepalive = 30s}, SteadyPoint{}, SteadyPoint{});
  EXPECT_TRUE(lease.mark(StopReason::cancel));
  EXPECT_FALSE(lease.mark(StopReason::shutdown));
  EXPECT_TRUE(lease.set_lost());
  EXPECT_EQ(lease.stop_reason(), StopReason::cancel);
  EXPECT_TRUE(lease.lost());
  EXPECT_EQ(to_string(lease.stop_reason()), "cancel");
}

TEST(Heartbeat, ALeaseWhoseRenewalIsRefusedForGoodTakesNoOtherWithIt) {
  Services s(8);
  JobId bad{};
  for (int i = 0; i < 8; ++i) bad = s.database.add();
  s.runtime.fetcher.step();
  s.database.refuses_renewal = [bad](JobId id) { return id == bad; };
  s.clock->advance(10s);
  s.runtime.heartbeat.step();
  for (const worker::HeldPtr& lease : s.runtime.shared.in_flight.snapshot()) {
    EXPECT_EQ(lease->lost(), lease->job().id == bad);
  }
  EXPECT_TRUE(s.reported("refused to renew"));
  s.clock->advance(10s);
  s.database.heartbeats.clear();
  s.runtime.heartbeat.step();
  EXPECT_EQ(s.database.heartbeats, std::vector<std::size_t>{7}) << "it is not asked for again";
}

}  // namespace
}  // namespace sqlq::testing
