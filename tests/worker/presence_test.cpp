// A worker says that it is there, hears whether it is to drain, and works as well when it cannot.

#include <gtest/gtest.h>

#include <sqlq/version.hpp>

#include "worker/claim_policy.hpp"
#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using worker::Presence;
using Why = IdleReason::Why;

class WorkerPresence : public ::testing::Test {
 protected:
  WorkerPresence() { s.database.lists_workers = true; }

  /// Steps when it wants to, for so long.
  void run(Duration time) {
    for (const SteadyPoint end = s.in(time); next_ <= end;) {
      if (next_ > s.clock->steady()) s.clock->advance(next_ - s.clock->steady());
      next_ = s.runtime.presence.step();
    }
  }
  [[nodiscard]] std::size_t calls() const { return s.database.announced.size(); }
  /// How many events have that reason.
  [[nodiscard]] std::size_t told(Why why) const {
    std::size_t n = 0;
    for (const WorkerEvent& event : s.events) {
      for (const IdleReason& reason : event.idle) n += reason.why == why ? 1 : 0;
    }
    return n;
  }

  Services s{4, {}, {.queues = {"a", "b"}, .name = "w"}};

 private:
  SteadyPoint next_ = SteadyPoint::min();
};

TEST_F(WorkerPresence, IsAnnouncedAtOnceAndThenAtIntervals) {
  run(0s);
  ASSERT_EQ(calls(), 1u);
  const WorkerInfo w = s.database.announced[0];
  EXPECT_EQ(w.name, "w");
  EXPECT_GE(w.id, 1);
  EXPECT_FALSE(w.host.empty());
  EXPECT_GT(w.pid, 0);
  EXPECT_EQ(w.version, SQLQ_VERSION_STRING);
  EXPECT_EQ(w.queues, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(w.kinds, std::vector<std::string>{"work"});
  EXPECT_EQ(w.concurrency, 4u);
  EXPECT_EQ(w.busy, 0u);
  run(1h);
  EXPECT_GE(calls(), 3600u / 14);
  EXPECT_LE(calls(), 3600u / 11 + 1);
  EXPECT_LE(s.database.expiries, 7u) << "the dead have time";
  for (const WorkerInfo& each : s.database.announced) EXPECT_EQ(each.id, w.id);
}

TEST_F(WorkerPresence, SaysHowManyJobsRun) {
  s.database.add([](Job& job) { job.queue = "a"; });
  s.runtime.fetcher.step();
  run(0s);
  EXPECT_EQ(s.database.announced.back().busy, 1u);
  s.run_all();
  run(20s);
  EXPECT_EQ(s.database.announced.back().busy, 0u);
}

TEST_F(WorkerPresence, TwoWorkersOfOneNameAreTwo) {
  run(0s);
  Services other(4, {}, {.name = "w"});
  other.database.lists_workers = true;
  other.runtime.presence.step();
  EXPECT_NE(other.database.announced.at(0).id, s.database.announced.at(0).id);
}

TEST_F(WorkerPresence, WithoutAListThereIsNothingToSay) {
  s.database.lists_workers = false;
  EXPECT_EQ(s.runtime.presence.step(), SteadyPoint::max());
  s.runtime.presence.end();
  EXPECT_EQ(calls(), 0u);
  EXPECT_TRUE(s.events.empty());
}

TEST_F(WorkerPresence, ADrainedWorkerClaimsNothingAndEndsWhatItHolds) {
  const JobId held = s.database.add([](Job& job) { job.queue = "a"; });
  s.runtime.fetcher.step();
  s.database.drains = true;
  run(0s);
  EXPECT_TRUE(s.stats().draining);
  const JobId left = s.database.add([](Job& job) { job.queue = "a"; });
  const std::size_t claims = s.database.claim_limits.size();
  EXPECT_EQ(s.run_all(), 1u);
  EXPECT_EQ(s.work(), 0u);
  EXPECT_EQ(s.database.job(held).state, JobState::success);
  EXPECT_EQ(s.database.job(left).state, JobState::pending);
  EXPECT_EQ(s.database.claim_limits.size(), claims) << "neither a claim nor a hand-over";
  s.database.drains = false;
  run(20s);
  EXPECT_FALSE(s.stats().draining);
  EXPECT_TRUE(s.runtime.fetcher.wait_until(SteadyPoint::min())) << "it was woken";
  EXPECT_EQ(s.work(), 1u);
  EXPECT_EQ(s.database.job(left).state, JobState::success);
}

TEST_F(WorkerPresence, ItTellsWhatItWasToldLast) {
  s.database.drains = true;
  run(20s);
  EXPECT_FALSE(s.database.announced.front().draining);
  EXPECT_TRUE(s.database.announced.back().draining);
}

TEST_F(WorkerPresence, DrainingIsAReasonOnceAMinuteAlsoWhileBusy) {
  s.database.add([](Job& job) { job.queue = "a"; });
  s.runtime.fetcher.step();
  s.runtime.maintenance.step();
  EXPECT_EQ(told(Why::draining), 0u);
  s.database.drains = true;
  run(0s);
  s.runtime.maintenance.step();
  EXPECT_EQ(told(Why::draining), 1u);
  for (int i = 0; i < 12; ++i) {
    s.clock->advance(5s);
    s.runtime.maintenance.step();
  }
  EXPECT_EQ(told(Why::draining), 2u);
  EXPECT_TRUE(s.reported("Admin::drain(name, false)"));
}

TEST_F(WorkerPresence, AFailureIsToldOnceAndTriedEachMinute) {
  s.database.broken = {"announce_worker"};
  run(1h);
  EXPECT_EQ(s.events.size(), 1u);
  EXPECT_TRUE(s.reported("cannot be listed"));
  EXPECT_EQ(s.events[0].code, WorkerEvent::Code::service_failed);
  s.database.add([](Job& job) { job.queue = "a"; });
  EXPECT_EQ(s.work(), 1u);
  s.runtime.presence.end();
  EXPECT_TRUE(s.database.withdrawn.empty()) << "that would have to wait for the same trouble";
  s.database.broken = {};
  run(1min);
  EXPECT_GE(calls(), 1u);
  EXPECT_TRUE(s.reported("listed again"));
  EXPECT_EQ(s.events.size(), 2u);
}

TEST_F(WorkerPresence, AFailureChangesNoDraining) {
  s.database.drains = true;
  run(0s);
  s.database.broken = {"announce_worker"};
  run(1h);
  EXPECT_TRUE(s.stats().draining);
}

TEST_F(WorkerPresence, TheEndWithdrawsItAndThrowsNothing) {
  run(0s);
  s.runtime.presence.end();
  EXPECT_EQ(s.database.withdrawn, std::vector<std::int64_t>{s.database.announced[0].id});
  s.database.broken = {"withdraw_worker"};
  s.runtime.presence.end();
}

TEST(ClaimPolicy, WhileDrainingThereIsNoRoom) {
  namespace policy = worker::policy;
  EXPECT_EQ(policy::room({.slots = 8, .free = 8, .draining = true}), 0u);
  EXPECT_EQ(policy::worth_claiming({.slots = 8, .free = 8, .draining = true}), 0u);
}

}  // namespace
}  // namespace sqlq::testing
