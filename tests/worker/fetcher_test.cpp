#include <gtest/gtest.h>

#include <tuple>

#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

void add(RecordingDialect& database, int n) {
  for (int i = 0; i < n; ++i) database.add();
}

TEST(Fetcher, AsksForExactlyTheFreeSlots) {
  Services s(4);
  add(s.database, 3);
  s.runtime.fetcher.step();
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.claim_limits, (std::vector<std::size_t>{4, 1}));
  EXPECT_EQ(s.stats().claimed, 3U);
}

TEST(Fetcher, TellsOfJobsThatTheDatabaseRefusesToStart) {
  Services s(4);
  add(s.database, 3);
  const JobId ended = JobId::make(TimePoint{});
  const JobId waits = JobId::make(TimePoint{});
  s.database.refused_starts = {{.id = ended, .ended = true, .why = "a trigger"}, {.id = waits, .why = "a trigger"}};
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 3U);
  ASSERT_EQ(s.events.size(), 2U);
  for (const auto& event : s.events) EXPECT_EQ(event.code, WorkerEvent::Code::outcome_refused);
  EXPECT_EQ(s.events[0].job, ended);
  EXPECT_TRUE(s.reported("refuses to start the job: a trigger; the job was ended as errored"));
  EXPECT_EQ(s.events[1].job, waits);
  EXPECT_TRUE(s.reported("it is passed over for a minute"));
}

TEST(Fetcher, ClaimsAgainAtOnceAfterAFullBatch) {
  Services s(2);
  add(s.database, 5);
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::min());
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::max()) << "no slot is free";
  EXPECT_EQ(s.database.claim_limits.size(), 1U) << "no claim without a free slot";
}

TEST(Fetcher, AFreedSlotWakesItWhenItStarves) {
  Services s(1);
  add(s.database, 2);
  EXPECT_EQ(s.fetch_and_run(), 1U);
  s.database.add();
  s.runtime.fetcher.step();
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::max());
  ASSERT_TRUE(s.run_one());
  EXPECT_TRUE(s.runtime.fetcher.wait_until(s.clock->steady())) << "woken";
}

TEST(Fetcher, WithABacklogItWaitsForThreeQuartersOfTheSlotsWhileJobsWaitForAThread) {
  Services s(4);
  add(s.database, 9);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::max());
  s.run_one();
  s.run_one();
  EXPECT_FALSE(s.runtime.fetcher.wait_until(s.clock->steady())) << "two slots are free, two jobs wait";
  s.run_one();
  EXPECT_TRUE(s.runtime.fetcher.wait_until(s.clock->steady())) << "three slots are free";
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.claim_limits, (std::vector<std::size_t>{4, 3}));
}

TEST(Fetcher, WithABacklogEveryFreeSlotIsWorthAClaimWhenNoJobWaits) {
  Services s(4);
  add(s.database, 9);
  s.runtime.fetcher.step();
  std::vector<worker::HeldPtr> taken;
  while (const auto lease = s.runtime.shared.ready.try_take()) taken.push_back(*lease);
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::max());
  s.runtime.executor.deliver(taken[0], s.runtime.executor.run(taken[0]));
  EXPECT_TRUE(s.runtime.fetcher.wait_until(s.clock->steady()));
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.claim_limits, (std::vector<std::size_t>{4, 1}));
}

/// A worker with a backlog and with two claims in flight: all eight slots are used, none of the jobs has begun.
struct InPairs : Services {
  explicit InPairs(int jobs = 40) : Services(8) {
    runtime.shared.two_in_flight = true;
    add(database, jobs);
    runtime.fetcher.step();
    EXPECT_EQ(runtime.fetcher.step(), SteadyPoint::max());
    EXPECT_EQ(runtime.fetcher.step_beside(), SteadyPoint::max());
  }
  void take_up(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) running.push_back(*runtime.shared.ready.try_take());
  }
  void end_one() {
    runtime.executor.deliver(running.back(), runtime.executor.run(running.back()));
    running.pop_back();
  }
  bool woken() { return runtime.fetcher.wait_until(clock->steady()); }
  bool beside_woken() { return runtime.fetcher.beside().wait_until(clock->steady()); }
  std::vector<worker::HeldPtr> running{};
};

TEST(Fetcher, WithABacklogTwoClaimsShareTheSlots) {
  InPairs s;
  for (int i = 0; i < 2; ++i) s.run_one();
  EXPECT_FALSE(s.beside_woken()) << "two slots are free";
  s.run_one();
  EXPECT_TRUE(s.beside_woken()) << "three quarters of its half are free";
  s.run_all();
  EXPECT_EQ(s.runtime.fetcher.step_beside(), SteadyPoint::min());
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::min());
  EXPECT_EQ(s.database.claim_limits, (std::vector<std::size_t>{8, 4, 4}));
  EXPECT_EQ(s.database.claims_of_limited, (std::vector<bool>{true, false, true}));
  EXPECT_EQ(s.runtime.fetcher.step_beside(), SteadyPoint::max()) << "no slot is free";
}

TEST(Fetcher, TheSecondClaimEndsWithTheBacklog) {
  InPairs s(11);
  s.run_all();
  s.runtime.fetcher.step_beside();
  EXPECT_EQ(s.stats().claimed, 11U);
  s.run_all();
  EXPECT_EQ(s.runtime.fetcher.step_beside(), SteadyPoint::max());
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.claim_limits, (std::vector<std::size_t>{8, 4, 8})) << "alone again";
}

TEST(Fetcher, ASecondClaimThatFindsLessThanItAskedForIsNotMadeAgainForASecond) {
  InPairs s;
  s.database.left_beside = 0;
  s.run_all();
  s.runtime.fetcher.step_beside();
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.claim_limits, (std::vector<std::size_t>{8, 4, 8})) << "the first claims for both";
  s.run_all();
  EXPECT_EQ(s.runtime.fetcher.step_beside(), SteadyPoint::max()) << "there is a backlog, but it waits";
  s.clock->advance(1s);
  s.runtime.fetcher.step();
  s.run_all();
  EXPECT_TRUE(s.beside_woken());
}

TEST(Fetcher, WithoutABacklogThereIsOneClaim) {
  Services s(8);
  s.runtime.shared.two_in_flight = true;
  add(s.database, 7);
  s.fetch_and_run();
  EXPECT_EQ(s.runtime.fetcher.step_beside(), SteadyPoint::max());
  EXPECT_EQ(s.database.claim_limits.size(), 1U);
}

TEST(Fetcher, TheSecondClaimIsNotForSuspects) {
  InPairs s(8);
  s.run_all();
  while (s.runtime.completer.step() != SteadyPoint::max()) {
  }
  s.database.add([](Job& job) { job.crashes = 2; });
  s.runtime.fetcher.step_beside();
  EXPECT_EQ(s.stats().claimed, 8U);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 9U);
}

TEST(Fetcher, JobsOfLimitedQueuesAreClaimedOneClaimAtATime) {
  Services s(8);
  s.runtime.shared.two_in_flight = true;
  s.database.limited = true;
  add(s.database, 40);
  s.fetch_and_run();
  EXPECT_EQ(s.runtime.fetcher.step_beside(), SteadyPoint::max());
}

TEST(Fetcher, WhileAClaimIsUnderWayTheOtherOneWaitsForALargeOne) {
  InPairs s;
  s.take_up(8);
  while (s.woken()) {
  }
  for (int i = 0; i < 3; ++i) s.end_one();
  EXPECT_TRUE(s.woken()) << "no job waits for a thread, and no claim is under way";
  s.database.during_claim = [&] {
    s.end_one();
    EXPECT_FALSE(s.woken());
  };
  s.runtime.fetcher.step_beside();
  EXPECT_EQ(s.database.claim_limits, (std::vector<std::size_t>{8, 3}));
  EXPECT_FALSE(s.woken()) << "three jobs wait for a thread";
  s.database.during_claim = {};
  s.take_up(3);
  s.end_one();
  EXPECT_TRUE(s.woken());
}

TEST(Fetcher, ASecondClaimThatFailsLeavesTheSlotsToTheFirst) {
  InPairs s;
  s.take_up(8);
  for (int i = 0; i < 3; ++i) s.end_one();
  while (s.woken()) {
  }
  s.database.broken = {"claim"};
  EXPECT_THROW(s.runtime.fetcher.step_beside(), Error);
  EXPECT_TRUE(s.woken());
  EXPECT_EQ(s.runtime.shared.slots.free(), 3U);
  EXPECT_EQ(s.runtime.fetcher.step_beside(), SteadyPoint::max()) << "not before the first has found a backlog again";
}

TEST(Fetcher, AClaimCutShortByALimitIsFollowedByARestAsLong) {
  for (const bool limited : {false, true}) {
    SCOPED_TRACE(limited);
    Services s(4);
    s.database.limited = limited;
    s.database.during_claim = [&] { s.clock->advance(3ms); };
    add(s.database, 1);
    s.runtime.fetcher.step();
    const SteadyPoint ended = s.clock->steady();
    s.clock->advance(2ms);
    const SteadyPoint next = s.runtime.fetcher.step();
    EXPECT_EQ(s.database.claim_limits.size(), limited ? 1U : 2U);
    if (!limited) continue;
    EXPECT_EQ(next, ended + 3ms);
    s.clock->advance(1ms);
    s.runtime.fetcher.step();
    EXPECT_EQ(s.database.claim_limits.size(), 2U);
  }
}

TEST(Fetcher, AFullClaimOfALimitedQueueIsFollowedByTheNextAtOnce) {
  Services s(2);
  s.database.limited = true;
  s.database.during_claim = [&] { s.clock->advance(3ms); };
  add(s.database, 3);
  s.fetch_and_run();
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.claim_limits, (std::vector<std::size_t>{2, 2}));
}

/// The places of a limited queue, claimed and their jobs run: the completer is to write the outcomes.
struct OfALimitedQueue : Services {
  explicit OfALimitedQueue(int jobs = 6) : Services(2) {
    database.limited = true;
    add(database, jobs);
    fetch_and_run();
  }
};

TEST(Fetcher, PlacesOfALimitedQueuePassFromJobToJob) {
  OfALimitedQueue s;
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced, (std::vector<std::size_t>{0, 2})) << "ended two and took two in one claim";
  EXPECT_TRUE(s.database.finishes.empty());
  EXPECT_EQ(s.stats().succeeded, 2U);
  EXPECT_EQ(s.stats().claimed, 4U);
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 2U);
  EXPECT_EQ(s.runtime.shared.slots.free(), 0U);
}

TEST(Fetcher, PlacesThatFindNoJobAreForTheNextClaim) {
  OfALimitedQueue s(3);
  while (s.runtime.fetcher.wait_until(s.clock->steady())) {
  }
  s.runtime.completer.step();
  EXPECT_EQ(s.stats().claimed, 3U);
  EXPECT_TRUE(s.runtime.fetcher.wait_until(s.clock->steady())) << "woken";
}

TEST(Fetcher, WhilePlacesPassOnItLooksForOthersEveryFiftyMilliseconds) {
  OfALimitedQueue s;
  s.runtime.completer.step();
  while (s.runtime.shared.ready.try_take()) s.runtime.executor.free_slot();
  s.clock->advance(49ms);
  EXPECT_EQ(s.runtime.fetcher.step(), s.in(1ms));
  EXPECT_EQ(s.database.claim_limits.size(), 2U);
  s.clock->advance(1ms);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.claim_limits.size(), 3U);
}

TEST(Completer, GathersOutcomesAsLongAsTheLastReplacementTookOrUntilAllJobsHaveEnded) {
  OfALimitedQueue s;
  s.database.during_claim = [&] { s.clock->advance(10ms); };
  s.runtime.completer.step();
  while (s.runtime.completer.wait_until(s.clock->steady())) {
  }
  s.run_one();
  EXPECT_EQ(s.runtime.completer.step(), s.in(10ms)) << "another job runs";
  EXPECT_EQ(s.runtime.completer.waiting(), 1U);
  EXPECT_TRUE(s.runtime.completer.wait_until(s.clock->steady())) << "of the first outcome";
  s.run_one();
  EXPECT_TRUE(s.runtime.completer.wait_until(s.clock->steady())) << "woken: all have ended";
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced, (std::vector<std::size_t>{0, 2, 2}));

  s.run_one();
  s.runtime.completer.step();
  s.clock->advance(10ms);
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced, (std::vector<std::size_t>{0, 2, 2, 1})) << "it has waited long enough";
}

TEST(Fetcher, AfterTwoSecondsPlacesAreForOthersForAMoment) {
  OfALimitedQueue s(9);
  s.runtime.completer.step();
  s.run_all();
  s.clock->advance(2s);
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced, (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(s.database.finishes.size(), 1U) << "by themselves";
  EXPECT_LE(s.runtime.fetcher.step(), s.in(100ms));
  EXPECT_EQ(s.database.claims_of_limited, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(s.stats().claimed, 4U) << "the others are of the queue with a limit";
  s.clock->advance(100ms);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 6U);
}

TEST(Fetcher, OnlyWhoHasPassedPlacesOnLeavesThemToOthers) {
  OfALimitedQueue s;
  s.clock->advance(2s);
  s.runtime.completer.step();
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.claims_of_limited, (std::vector<bool>{true, true}));
}

TEST(Fetcher, JobsOfOtherQueuesPassNoPlacesOn) {
  Services s(2);
  s.database.limited = true;
  s.database.of_limited = false;
  add(s.database, 6);
  s.fetch_and_run();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced, std::vector<std::size_t>{0});
}

TEST(Fetcher, APlaceThatGoesToAnotherQueuesJobIsOffered) {
  Services s(1);
  s.database.limited = true;
  s.database.add();
  s.database.add([](Job& job) { job.queue = "another"; });
  s.fetch_and_run();
  while (s.runtime.fetcher.wait_until(s.clock->steady())) {
  }
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(s.stats().claimed, 2U);
  EXPECT_TRUE(s.runtime.fetcher.wait_until(s.clock->steady())) << "woken";
}

TEST(Fetcher, WhoFoundThePlacesTakenLooksWhenOthersShareThem) {
  for (const bool hints : {true, false}) {
    SCOPED_TRACE(hints);
    Services s(1);
    s.database.able.cross_process_wakeup = hints;
    s.database.limited = true;
    const SteadyPoint next = s.runtime.fetcher.step();
    EXPECT_EQ(next <= s.in(100ms), !hints);
  }
}

TEST(Fetcher, OnlyPlacesOfLimitedQueuesArePassedOn) {
  Services s(2);
  add(s.database, 6);
  s.fetch_and_run();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced, std::vector<std::size_t>{0});
}

TEST(Fetcher, OnlySuccessesPassTheirPlacesOn) {
  Services s(2, [](JobContext&) { return Outcome::error("no"); });
  s.database.limited = true;
  add(s.database, 6);
  s.fetch_and_run();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced, std::vector<std::size_t>{0});
}

TEST(Fetcher, PassesNothingOnWhenItIsToStop) {
  OfALimitedQueue s;
  s.runtime.fetcher.stop_replacing();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.finishes.size(), 1U);
  EXPECT_EQ(s.stats().claimed, 2U);
}

TEST(Fetcher, OutcomesThatCouldNotPassOnAreWrittenByThemselves) {
  OfALimitedQueue s;
  s.database.broken = {"claim"};
  EXPECT_THROW(s.runtime.completer.step(), Error);
  s.runtime.completer.step();
  EXPECT_EQ(s.database.finishes.size(), 1U);
  EXPECT_EQ(s.stats().succeeded, 2U);
}

TEST(Fetcher, OutcomesDoNotWaitForSlowClaimsAgain) {
  OfALimitedQueue s;
  s.database.during_claim = [&] { s.clock->advance(101ms); };
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced.size(), 2U);
  s.run_all();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced.size(), 2U);
  EXPECT_EQ(s.database.finishes.size(), 1U);
}

TEST(Fetcher, HoldsOneSuspectAndIsWokenForTheNextWhenThatHasEnded) {
  Services s(4);
  for (int i = 0; i < 2; ++i) s.database.add([](Job& job) { job.crashes = 2; });
  add(s.database, 1);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 2U) << "one suspect and the other job";
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 2U) << "it holds one already";
  s.run_all();
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 2U) << "its outcome is not durable yet";
  EXPECT_FALSE(s.runtime.fetcher.wait_until(s.clock->steady()));
  s.runtime.completer.step();
  EXPECT_TRUE(s.runtime.fetcher.wait_until(s.clock->steady())) << "woken";
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 3U);
}

// It runs beside the step, which may be claiming one: each would find that none is held.
TEST(Fetcher, AReplacementIsNotForSuspects) {
  OfALimitedQueue s;
  const JobId suspect = s.database.add([](Job& job) { job.crashes = 2, job.priority = 0; });
  s.runtime.completer.step();
  EXPECT_EQ(s.database.replaced, (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(s.database.suspects_asked, (std::vector<std::size_t>{1, 0}));
  EXPECT_EQ(s.database.job(suspect).state, JobState::pending);
}

TEST(Fetcher, HoldsMoreSuspectsWhileTheyComeToTheirEnds) {
  Services s(20);
  for (int i = 0; i < 40; ++i) s.database.add([](Job& job) { job.crashes = 2; });
  std::vector<std::uint64_t> rounds;
  for (std::uint64_t before = 0; s.work() > 0; before = s.stats().claimed) {
    rounds.push_back(s.stats().claimed - before);
  }
  EXPECT_EQ(rounds, (std::vector<std::uint64_t>{1, 2, 4, 8, 16, 9})) << "of all jobs in one after the other it were 40";
  for (int i = 0; i < 3; ++i) s.database.add([](Job& job) { job.crashes = 2; });
  s.fetch_and_run();
  EXPECT_EQ(s.stats().claimed, 41U) << "none waited for a while: it begins anew";
}

TEST(Fetcher, TheTokenSaysWhetherSuspectsAreTogether) {
  Services s(20);
  for (int i = 0; i < 3; ++i) s.database.add([](Job& job) { job.crashes = 2; });
  EXPECT_GT(s.claim_one()->job().lease_token.value, 0);
  s.run_all();
  s.runtime.completer.step();
  s.runtime.fetcher.step();
  for (const auto& lease : s.runtime.shared.in_flight.snapshot()) EXPECT_LT(lease->job().lease_token.value, 0);
  EXPECT_EQ(s.runtime.shared.in_flight.suspects(), 2U);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.suspects_asked, (std::vector<std::size_t>{1, 2, 0})) << "no third before both have ended";
}

TEST(Fetcher, ASuspectThatMustBeAloneSendsItsWholeRoundBack) {
  for (const bool attempts : {false, true}) {
    int begun = 0;
    Services s(20, [&](JobContext&) {
      ++begun;
      return Outcome::done();
    });
    s.database.add([](Job& job) { job.crashes = 2; });
    const JobId alone = s.database.add([&](Job& job) {
      job.crashes = attempts ? 2 : 3;
      job.attempt = attempts ? 24 : 3;
    });
    const JobId other = s.database.add([](Job& job) { job.crashes = 2; });
    s.work();
    EXPECT_EQ(s.work(), 2U);
    EXPECT_EQ(begun, 1) << "none of the two";
    EXPECT_EQ(s.stats().released, 2U);
    EXPECT_EQ(s.work(), 1U);
    EXPECT_EQ(s.database.job(alone).state, JobState::success);
    EXPECT_EQ(s.database.job(other).state, JobState::pending);
    s.work();
    EXPECT_EQ(s.database.suspects_asked, (std::vector<std::size_t>{1, 2, 1, 1})) << "alone it says nothing of others";
    EXPECT_EQ(s.database.job(other).state, JobState::success);
  }
}

TEST(Fetcher, ClaimsAgainWhenTheSuspectItHeldEndedDuringTheClaim) {
  Services s(4);
  for (int i = 0; i < 2; ++i) s.database.add([](Job& job) { job.crashes = 2; });
  s.fetch_and_run();
  const auto held = s.runtime.shared.in_flight.snapshot();
  ASSERT_EQ(held.size(), 1U);
  s.database.during_claim = [&] { s.runtime.shared.in_flight.remove(held); };
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::min());
}

TEST(Fetcher, WaitsForThePollWithJitterWhenTheBatchWasNotFull) {
  Services s(2, {}, {.poll = 1000ms});
  for (int i = 0; i < 100; ++i) {
    const SteadyPoint next = s.runtime.fetcher.step();
    EXPECT_GE(next, s.in(800ms));
    EXPECT_LE(next, s.in(1000ms));
  }
}

TEST(Fetcher, WithoutHintsFromOthersItWaitsAQuarterOfTheTimeSinceTheLastJob) {
  Services s(2, {}, {.poll = 1000ms});
  s.database.able.cross_process_wakeup = false;
  EXPECT_GE(s.runtime.fetcher.step(), s.in(800ms)) << "no job was found yet";
  s.database.add();
  s.work();
  for (const auto& [idle, least, most] : {std::tuple(0ms, 4ms, 5ms), std::tuple(400ms, 80ms, 100ms),
                                         std::tuple(3600ms, 800ms, 1000ms), std::tuple(10000ms, 800ms, 1000ms)}) {
    s.clock->advance(idle);
    const SteadyPoint next = s.runtime.fetcher.step();
    EXPECT_GE(next, s.in(least)) << idle.count();
    EXPECT_LE(next, s.in(most)) << idle.count();
  }
}

TEST(Fetcher, WakesWhenTheNextJobIsDue) {
  Services s;
  s.database.next_due = s.clock->now() + 100ms;
  EXPECT_EQ(s.runtime.fetcher.step(), s.in(100ms));
}

TEST(Fetcher, ADueTimeThatHasPassedIsWorthOneMoreClaimNotTwo) {
  Services s;
  s.database.next_due = s.clock->now() - 1ms;
  EXPECT_EQ(s.runtime.fetcher.step(), s.clock->steady());
  EXPECT_GE(s.runtime.fetcher.step(), s.in(800ms));
  s.database.next_due = s.clock->now();
  EXPECT_EQ(s.runtime.fetcher.step(), s.clock->steady()) << "another job";
}

TEST(Fetcher, OutcomesThatCannotBeWrittenHoldItBack) {
  Services s(500);
  add(s.database, 3000);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(s.fetch_and_run(), 500U);
  EXPECT_EQ(s.fetch_and_run(), 0U) << "2000 wait for the completer";
  s.runtime.completer.step();
  EXPECT_EQ(s.fetch_and_run(), 500U);
}

TEST(Fetcher, ClaimsOnlyKindsItHasHandlersFor) {
  Services s;
  s.database.add([](Job& job) { job.kind = "somebody else's"; });
  EXPECT_EQ(s.work(), 0U);
}

}  // namespace
}  // namespace sqlq::testing
