// When batches are put together, and of which jobs.

#include <gtest/gtest.h>

#include "worker/batching.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using Calls = std::vector<std::vector<JobId>>;
using Sizes = std::vector<std::size_t>;

TEST(Batches, AClaimMakesBatchesThatAreFullAndTheRestOneThatIsNot) {
  Batching s({.concurrency = 20, .how = {.size = 4}});
  const std::vector<JobId> ids = s.add_many(10);
  s.work();
  EXPECT_EQ(s.calls, (Calls{{ids[0], ids[1], ids[2], ids[3]}, {ids[4], ids[5], ids[6], ids[7]}, {ids[8], ids[9]}}));
  EXPECT_EQ(s.database.claim_limits, (Sizes{20})) << "no more is claimed for the sake of a batch";
  EXPECT_EQ(s.stats().claimed, 10U);
  EXPECT_EQ(s.stats().succeeded, 10U);
  EXPECT_EQ(s.runtime.shared.slots.free(), 20U);
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 0U);
  for (const JobId id : ids) EXPECT_EQ(s.database.job(id).state, JobState::success);
}

TEST(Batches, ABatchThatIsNotFullWaitsForOthersSinceItsFirstJobAndNoLonger) {
  Batching s({.how = {.size = 4, .linger = 50ms}});
  const JobId first = s.add();
  s.fetch_and_run();
  EXPECT_TRUE(s.calls.empty());
  EXPECT_EQ(s.runtime.watchdog.step(), s.clock->steady() + 50ms);
  s.pass(30ms);
  const JobId second = s.add();
  s.fetch_and_run();
  s.pass(20ms - 1us);
  EXPECT_TRUE(s.calls.empty());
  EXPECT_EQ(s.runtime.shared.slots.used(), 2U) << "each job holds its slot";
  s.pass(1us);
  EXPECT_EQ(s.calls, (Calls{{first, second}}));
  s.write();
  EXPECT_EQ(s.stats().succeeded, 2U);
  EXPECT_EQ(s.runtime.shared.slots.free(), 10U);
}

TEST(Batches, ABatchThatBecomesFullWaitsForNothing) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  s.add_many(3);
  s.fetch_and_run();
  EXPECT_TRUE(s.calls.empty());
  s.add_many(2);
  s.fetch_and_run();
  EXPECT_EQ(s.sizes(), (Sizes{4}));
  s.pass(1min - 1us);
  EXPECT_EQ(s.sizes(), (Sizes{4}));
  s.pass(1us);
  EXPECT_EQ(s.sizes(), (Sizes{4, 1})) << "the fifth began another";
}

TEST(Batches, OtherKindsRunWhileABatchLingers) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  s.add();
  const JobId other = s.database.add();
  s.work();
  EXPECT_EQ(s.calls, (Calls{{other}}));
  EXPECT_EQ(s.database.job(other).state, JobState::success);
}

TEST(Batches, NothingLingersWhenEverySlotHasAJob) {
  Batching s({.concurrency = 4, .how = {.size = 4, .linger = 1min}});
  s.add_many(3);
  s.fetch_and_run();
  EXPECT_TRUE(s.calls.empty());
  const JobId other = s.database.add();
  const JobId waits = s.database.add();
  s.work();
  EXPECT_EQ(s.sizes(), (Sizes{1, 3}));
  EXPECT_EQ(s.database.job(other).state, JobState::success);
  s.work();
  EXPECT_EQ(s.database.job(waits).state, JobState::success) << "and its slot was not kept by a batch that lingers";
}

TEST(Batches, NoJobLingersInAPlaceOfALimit) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  const std::vector<JobId> free = s.add_many(1);
  s.fetch_and_run();
  EXPECT_TRUE(s.calls.empty());
  s.database.limited = true;
  const std::vector<JobId> limited = s.add_many(2);
  s.work();
  EXPECT_EQ(s.calls, (Calls{{free[0], limited[0], limited[1]}})) << "others wait for its place, so all go at once";
  s.database.of_limited = false;
  s.clock->advance(1s);  // past the rest after a claim that saw a limit
  const JobId next = s.add();
  s.fetch_and_run();
  EXPECT_EQ(s.calls.size(), 1U) << "another queue has the limit";
  s.pass(1min);
  EXPECT_EQ(s.calls.back(), (std::vector<JobId>{next}));
}

TEST(Batches, NothingLingersAfterTheLastJobOfAWorker) {
  Batching s({.how = {.size = 4, .linger = 1min}, .max_jobs = 3});
  s.add_many(2);
  s.fetch_and_run();
  EXPECT_TRUE(s.calls.empty());
  s.add_many(2);
  s.fetch_and_run();
  EXPECT_EQ(s.sizes(), (Sizes{3}));
}

TEST(Batches, NothingLingersWhileTheWorkerIsDrained) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  s.add_many(2);
  s.fetch_and_run();
  s.database.lists_workers = true;
  s.database.drains = true;
  s.runtime.presence.step();
  s.run_all();
  EXPECT_EQ(s.sizes(), (Sizes{2}));
}

TEST(Batches, WhatAClaimBringsToADrainedWorkerDoesNotLinger) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  s.add_many(2);
  s.database.during_claim = [&] { s.runtime.shared.draining = true; };
  s.fetch_and_run();
  EXPECT_EQ(s.sizes(), (Sizes{2}));
}

TEST(Batches, NothingLingersWhenItsWorkerLosesThreadsUntilEverySlotHasAJob) {
  Batching s({.concurrency = 4, .how = {.size = 4, .linger = 1min}});
  s.add_many(3);
  s.fetch_and_run();
  EXPECT_TRUE(s.calls.empty());
  s.runtime.shared.slots.shrink();
  s.pass(1us);
  EXPECT_EQ(s.sizes(), (Sizes{3}));
}

TEST(Batches, JobsWithAnotherTimeoutMakeABatchOfTheirOwn) {
  Batching s({.how = {.size = 4}, .handling = {.timeout = 10s}});
  const JobId a = s.add();
  const JobId quick = s.add([](Job& job) { job.timeout = 1s; });
  const JobId b = s.add();
  const JobId same = s.add([](Job& job) { job.timeout = 10s; });
  s.work();
  ASSERT_EQ(s.calls.size(), 2U);
  EXPECT_TRUE(s.calls == (Calls{{quick}, {a, b, same}}) || s.calls == (Calls{{a, b, same}, {quick}}));
}

TEST(Batches, OnlyFirstAttemptsWithAnotherOneLeftShareABatch) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  const JobId retried = s.add([](Job& job) { job.attempt = 1; });
  const JobId only_once = s.add([](Job& job) { job.max_attempts = 1; });
  const JobId crashed = s.add([](Job& job) { job.crashes = 1; });
  const JobId no_crash = s.add([](Job& job) { job.max_crashes = 1; });
  s.add();
  s.work();
  EXPECT_EQ(s.calls, (Calls{{retried}, {only_once}, {crashed}, {no_crash}})) << "alone, and at once";
  s.pass(1min);
  EXPECT_EQ(s.sizes(), (Sizes{1, 1, 1, 1, 1}));
}

TEST(Batches, LeasesOfJobsThatLingerAreRenewed) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  const JobId id = s.add([](Job& job) { job.keepalive = 30s; });
  s.fetch_and_run();
  for (int i = 0; i < 59; ++i) {
    s.clock->advance(1s);
    s.runtime.heartbeat.step();
    s.runtime.watchdog.step();
  }
  EXPECT_EQ(s.runtime.shared.in_flight.snapshot().at(0)->stop_reason(), StopReason::none);
  s.pass(1s);
  s.write();
  EXPECT_EQ(s.database.job(id).state, JobState::success);
}

TEST(Batches, AJobThatIsCancelledWhileItLingersEndsAtOnceAndIsNotBegun) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  const std::vector<JobId> ids = s.add_many(3);
  s.fetch_and_run();
  static_cast<void>(s.database.cancel(std::span(&ids[0], 1), nullptr, {}));
  s.runtime.shared.trip(s.lease_of(ids[0]), StopReason::cancel);
  s.run_all();
  s.write();
  EXPECT_EQ(s.database.job(ids[0]).state, JobState::cancelled);
  EXPECT_EQ(s.runtime.shared.slots.used(), 2U) << "its slot is free";
  EXPECT_TRUE(s.calls.empty()) << "the others linger on";
  s.pass(1min);
  s.write();
  EXPECT_EQ(s.calls, (Calls{{ids[1], ids[2]}}));
  EXPECT_EQ(s.database.job(ids[1]).state, JobState::success);
  EXPECT_EQ(s.runtime.shared.slots.free(), 10U);
}

TEST(Batches, AJobThatIsTakenAwayWhileItLingersGivesItsSlotBackAtOnce) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  const JobId id = s.add();
  s.fetch_and_run();
  s.database.steal(id);
  s.runtime.heartbeat.hint();
  s.clock->advance(10s);
  s.runtime.heartbeat.step();
  s.run_all();
  s.write();
  EXPECT_TRUE(s.calls.empty());
  EXPECT_EQ(s.database.job(id).lease_token, RecordingDialect::stolen) << "with somebody else";
  EXPECT_EQ(s.stats().lost, 1U);
  EXPECT_EQ(s.runtime.shared.slots.free(), 10U);
  EXPECT_EQ(s.runtime.watchdog.step(), SteadyPoint::max()) << "its batch is gone with it";
}

TEST(Batches, AJobThatIsToStopBeforeItCameIntoABatchDoesNotLinger) {
  Batching s({.how = {.size = 4, .linger = 1min}});
  const JobId id = s.add();
  s.fetch_and_run();
  const auto lease = std::make_shared<worker::Held>(s.lease_of(id)->job(), s.clock->steady(), s.clock->steady());
  s.runtime.shared.trip(lease, StopReason::cancel);
  static_cast<void>(s.runtime.shared.batches->push({lease}, true));
  EXPECT_EQ(s.runtime.shared.ready.try_take(), lease);
}

TEST(Batches, WhenTheyAreClosedAllJobsThatNobodyHasBegunComeBack) {
  Batching s({.concurrency = 20, .how = {.size = 4, .linger = 1min}});
  const std::vector<JobId> ids = s.add_many(10);
  s.database.add();
  s.runtime.fetcher.step();
  const std::vector<worker::HeldPtr> unstarted = s.runtime.shared.batches->close();
  EXPECT_EQ(unstarted.size(), 11U);
  s.runtime.release(unstarted);
  s.runtime.shared.slots.give(unstarted.size());
  s.write();
  EXPECT_TRUE(s.calls.empty());
  EXPECT_EQ(s.runtime.watchdog.step(), SteadyPoint::max());
  for (const JobId id : ids) {
    EXPECT_EQ(s.database.job(id).state, JobState::pending);
    EXPECT_EQ(s.database.job(id).attempt, 0);
  }
  s.runtime.fetcher.step();  // a claim that was under way
  EXPECT_EQ(s.database.job(ids[0]).state, JobState::pending) << "what it brings goes back, too";
  EXPECT_EQ(s.runtime.shared.slots.free(), 20U);
}

TEST(Batches, TheSlotsOfABatchBecomeFreeTogetherSoThatOneClaimFillsThem) {
  Batching s({.concurrency = 4, .how = {.size = 4}});
  s.add_many(12);
  for (int i = 0; i < 3; ++i) s.work();
  EXPECT_EQ(s.sizes(), (Sizes{4, 4, 4}));
  EXPECT_EQ(s.database.claim_limits, (Sizes{4, 4, 4}));
}

TEST(Batches, AWorkerWithoutBatchHandlersHasNone) {
  Handlers handlers;
  handlers.on("work", [](JobContext&) {});
  FakeDatabase<RecordingDialect> base;
  worker::Runtime runtime(base.db, handlers, {});
  runtime.shared.freeze_handlers();
  EXPECT_EQ(runtime.shared.batches, nullptr);
}

}  // namespace
}  // namespace sqlq::testing
