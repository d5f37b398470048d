#include <gtest/gtest.h>

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

TEST(Fetcher, AsksForNoMoreThanItMayClaimInAll) {
  Services s(4, {}, {.max_jobs = 6});
  add(s.database, 3);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().busy, 3U);
  EXPECT_EQ(s.stats().ended(), 0U);
  EXPECT_EQ(s.work(), 3U);
  EXPECT_EQ(s.stats().busy, 0U);
  s.database.broken = {"claim"};
  EXPECT_THROW(s.runtime.fetcher.step(), Error);
  s.database.broken.clear();
  add(s.database, 10);
  EXPECT_EQ(s.work(), 3U) << "what got no job is still to be had";
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::max());
  EXPECT_EQ(s.database.claim_limits.back(), 3U);
  EXPECT_EQ(s.stats().claimed, 6U);
  EXPECT_EQ(s.stats().ended(), 6U);
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

TEST(Fetcher, WithABacklogItWaitsForMoreSlotsWhileJobsWaitForAThread) {
  Services s(40);
  add(s.database, 90);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::max());
  s.run_one();
  EXPECT_FALSE(s.runtime.fetcher.wait_until(s.clock->steady())) << "one slot is free, 39 jobs wait";
  while (s.run_one() && !s.runtime.fetcher.wait_until(s.clock->steady())) {
  }
  s.runtime.fetcher.step();
  ASSERT_EQ(s.database.claim_limits.size(), 2U);
  EXPECT_GT(s.database.claim_limits[1], 1U);
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
  EXPECT_EQ(s.database.handed_over, (std::vector<std::size_t>{0, 2})) << "ended two and took two in one claim";
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

TEST(Fetcher, WhilePlacesPassOnItLooksForOthersNowAndThen) {
  OfALimitedQueue s;
  s.runtime.completer.step();
  while (s.runtime.shared.ready.try_take()) s.runtime.executor.free_slot();
  s.clock->advance(worker::policy::longest_rest - 1ms);
  EXPECT_EQ(s.runtime.fetcher.step(), s.in(1ms));
  EXPECT_EQ(s.database.claim_limits.size(), 2U);
  s.clock->advance(1ms);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.database.claim_limits.size(), 3U);
}

TEST(Completer, GathersOutcomesAsLongAsTheLastHandOverTookOrUntilAllJobsHaveEnded) {
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
  EXPECT_EQ(s.database.handed_over, (std::vector<std::size_t>{0, 2, 2}));

  s.run_one();
  s.runtime.completer.step();
  s.clock->advance(10ms);
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over, (std::vector<std::size_t>{0, 2, 2, 1})) << "it has waited long enough";
}

TEST(Fetcher, AfterAWhilePlacesAreForOthersForAMoment) {
  OfALimitedQueue s(9);
  s.runtime.completer.step();
  s.run_all();
  s.clock->advance(worker::HandingOver::passing_time);
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over, (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(s.database.finishes.size(), 1U) << "by themselves";
  EXPECT_LE(s.runtime.fetcher.step(), s.in(worker::HandingOver::sharing_time));
  EXPECT_EQ(s.database.claims_of_limited, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(s.stats().claimed, 4U) << "the others are of the queue with a limit";
  s.clock->advance(worker::HandingOver::sharing_time);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 6U);
}

TEST(Fetcher, OnlyWhoHasPassedPlacesOnLeavesThemToOthers) {
  OfALimitedQueue s;
  s.clock->advance(worker::HandingOver::passing_time);
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
  EXPECT_EQ(s.database.handed_over, std::vector<std::size_t>{0});
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
  EXPECT_EQ(s.database.handed_over, (std::vector<std::size_t>{0, 1}));
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
    EXPECT_EQ(next <= s.in(worker::HandingOver::sharing_time), !hints);
  }
}

TEST(Fetcher, OnlyPlacesOfLimitedQueuesArePassedOn) {
  Services s(2);
  add(s.database, 6);
  s.fetch_and_run();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over, std::vector<std::size_t>{0});
}

TEST(Fetcher, OnlySuccessesPassTheirPlacesOn) {
  Services s(2, [](JobContext&) { return Outcome::error("no"); });
  s.database.limited = true;
  add(s.database, 6);
  s.fetch_and_run();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over, std::vector<std::size_t>{0});
}

TEST(Fetcher, PassesNothingOnWhenItIsToStop) {
  OfALimitedQueue s;
  s.runtime.fetcher.stop_handing_over();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.finishes.size(), 1U);
  EXPECT_EQ(s.stats().claimed, 2U);
}

TEST(Fetcher, WithoutThatPartOfABackendOutcomesAreWrittenByThemselves) {
  Services s(2);
  s.database.hands_over = false;
  s.database.limited = true;
  add(s.database, 6);
  s.fetch_and_run();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over, std::vector<std::size_t>{0});
  EXPECT_EQ(s.database.finishes.size(), 1U);
  EXPECT_EQ(s.stats().succeeded, 2U);
  s.fetch_and_run();
  EXPECT_EQ(s.stats().claimed, 4U);
}

/// A backend with one writer: outcomes bring the next jobs of a backlog.
struct OneWriter : Services {
  explicit OneWriter(int jobs, unsigned slots = 4) : Services(slots) {
    database.pays = true;
    add(database, jobs);
    runtime.fetcher.step();
  }
  bool woken() { return runtime.fetcher.wait_until(clock->steady()); }
};

TEST(Fetcher, WhereThereIsOneWriterOutcomesOfABacklogClaimAsManyAsThereAreFreeSlots) {
  OneWriter s(12);
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::max());
  for (int i = 0; i < 3; ++i) s.run_one();
  EXPECT_EQ(s.runtime.fetcher.step(), SteadyPoint::max()) << "the outcomes will do it";
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over, (std::vector<std::size_t>{0, 3}));
  EXPECT_EQ(s.stats().succeeded, 3U);
  EXPECT_EQ(s.stats().claimed, 7U);
}

TEST(Fetcher, WhereThereIsOneWriterAJobThatComesLaterIsClaimedWithoutAnyRest) {
  OneWriter s(5);
  s.run_all();
  s.runtime.completer.step();
  EXPECT_EQ(s.stats().claimed, 5U) << "the backlog is over";
  while (s.woken()) {
  }
  s.run_all();
  s.database.add();
  s.runtime.fetcher.wake();
  s.runtime.completer.step();
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 6U) << "though no time has passed";
}

TEST(Fetcher, WhereThereIsOneWriterOutcomesThatAreNoSuccessesEndTheWaitForThem) {
  int runs = 0;
  Services s(4, [&](JobContext&) { return ++runs == 1 ? Outcome::error("no") : Outcome::done(); });
  s.database.pays = true;
  add(s.database, 12);
  s.runtime.fetcher.step();
  s.run_all();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over, std::vector<std::size_t>{0});
  EXPECT_EQ(s.database.finishes.size(), 1U);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.stats().claimed, 8U);
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
  s.database.during_claim = [&] { s.clock->advance(worker::HandingOver::longest_claim + 1ms); };
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over.size(), 2U);
  s.run_all();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over.size(), 2U);
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
TEST(Fetcher, HandingOverIsNotForSuspects) {
  OfALimitedQueue s;
  const JobId suspect = s.database.add([](Job& job) { job.crashes = 2, job.priority = 0; });
  s.runtime.completer.step();
  EXPECT_EQ(s.database.handed_over, (std::vector<std::size_t>{0, 2}));
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

TEST(Fetcher, WithoutHintsFromOthersItLooksSoonAfterAJobAndEverMoreSeldom) {
  Services s(2, {}, {.poll = 1000ms});
  s.database.able.cross_process_wakeup = false;
  EXPECT_GE(s.runtime.fetcher.step(), s.in(800ms)) << "no job was found yet";
  s.database.add();
  s.work();
  Duration last = 0ms;
  for (const Duration idle : {0ms, 400ms, 2000ms, 10000ms}) {
    s.clock->advance(idle);
    const Duration wait = s.runtime.fetcher.step() - s.clock->steady();
    EXPECT_GT(wait, last) << idle.count();
    EXPECT_LE(wait, 1000ms);
    last = wait - wait / 5;  // the jitter
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
  constexpr auto most = worker::policy::most_unwritten;
  Services s(most / 4);
  add(s.database, static_cast<int>(most * 2));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(s.fetch_and_run(), most / 4);
  EXPECT_EQ(s.fetch_and_run(), 0U) << "they wait for the completer";
  s.runtime.completer.step();
  EXPECT_GT(s.fetch_and_run(), 0U);
}

TEST(Fetcher, ClaimsOnlyKindsItHasHandlersFor) {
  Services s;
  s.database.add([](Job& job) { job.kind = "somebody else's"; });
  EXPECT_EQ(s.work(), 0U);
}

}  // namespace
}  // namespace sqlq::testing
