// Every rule of the checker with a history that keeps it and one that breaks it.

#include <gtest/gtest.h>

#include <algorithm>

#include "check.hpp"

namespace sqlq::faults {
namespace {

constexpr std::int64_t ms = 1000;
constexpr std::int32_t owner = 100;
constexpr std::int32_t other = 200;
constexpr std::int32_t producer = 300;

Id id_of(std::uint8_t n) {
  Id id{};
  id[15] = n;
  return id;
}

/// A run written by hand. Times are in milliseconds.
class Checker : public ::testing::Test {
 protected:
  void add(std::int64_t at, Record record, std::int32_t pid) {
    record.at_us = at * ms;
    record.pid = pid;
    run_.records.push_back(record);
  }
  void ask(std::uint8_t job, std::int64_t at, std::uint64_t key = 0) {
    add(at, about(What::enqueue_asked, id_of(job), Code::none, key), producer);
  }
  void acknowledge(std::uint8_t job, std::int64_t at) { add(at, about(What::enqueued, id_of(job)), producer); }

  static Record of_claim(What what, std::uint8_t job, int claim, Code code = Code::none, std::uint64_t value = 0) {
    Record r = about(what, id_of(job), code, value);
    r.claim = claim;
    r.attempt = claim;
    r.token = 1000 * job + claim;
    r.queue = queue;
    return r;
  }
  void start(std::uint8_t job, int claim, std::int64_t at, std::int32_t pid = owner, Code code = Code::none) {
    add(at, of_claim(What::start, job, claim, code), pid);
  }
  void end(std::uint8_t job, int claim, std::int64_t at, std::int32_t pid = owner, Code code = Code::ok) {
    add(at, of_claim(What::end, job, claim, code, 77), pid);
  }
  void finish(std::uint8_t job, int claim, std::int64_t at, Code code, std::int32_t pid = owner) {
    add(at, of_claim(What::finished, job, claim, code), pid);
  }
  void lives(std::int32_t pid, std::int64_t from, std::int64_t to) {
    for (auto at = from; at <= to; at += 25) add(at, about(What::pulse, Id{}), pid);
  }

  Row& row(std::uint8_t job, int claims = 1, State state = State::success) {
    run_.rows.push_back({.id = id_of(job),
                         .state = state,
                         .queue = queue,
                         .attempt = claims,
                         .claims = claims,
                         .token = is_finished(state) ? 1000 * job + claims : 0,
                         .result = state == State::success ? 77u : 0u});
    return run_.rows.back();
  }
  /// A line about each claim but the last.
  static void explain(Row& row, Reason reason, std::int32_t pid = owner) {
    for (std::int32_t claim = 1; claim < row.claims; ++claim) row.history.push_back({claim, claim, reason, pid});
    if (reason == Reason::lease_ended) row.crashes = row.claims - 1;
  }
  /// Enqueued, executed once, well.
  Row& plain(std::uint8_t job, std::int64_t at) {
    ask(job, at);
    acknowledge(job, at + 1);
    start(job, 1, at + 10);
    end(job, 1, at + 20);
    return row(job);
  }
  /// Executed by `owner`, whose lease ended, and again by `other`.
  Row& taken_over(std::uint8_t job, std::int64_t second) {
    ask(job, 0);
    acknowledge(job, 1);
    start(job, 1, 10);
    start(job, 2, second, other);
    end(job, 2, second + 10, other);
    Row& r = row(job, 2);
    explain(r, Reason::lease_ended);
    return r;
  }
  /// When the database gave the first claim, and took it back.
  Row& give_by_database(Row& r, std::int64_t given, std::int64_t taken_back) {
    run_.clock_ahead_us = 500'000 * ms;
    for (Record& record : run_.records) {
      if (record.claim == 1) record.value = static_cast<std::uint64_t>(given * ms + *run_.clock_ahead_us);
    }
    r.history[0].at_us = taken_back * ms + *run_.clock_ahead_us;
    return r;
  }
  void fault(Fault::Kind kind, std::int32_t pid, std::int64_t from, std::int64_t to) {
    run_.faults.push_back({kind, pid, from * ms, to * ms});
  }

  Verdict verdict() {
    std::ranges::stable_sort(run_.records, {}, &Record::at_us);
    return check(run_);
  }
  void expect_clean() {
    const Verdict v = verdict();
    EXPECT_TRUE(v.clean()) << to_string(v, run_.settings);
  }
  void expect_broken(Rule rule) {
    const Verdict v = verdict();
    EXPECT_TRUE(v.broke(rule)) << to_string(v, run_.settings);
    EXPECT_NE(to_string(v, run_.settings).find(to_string(rule)), std::string::npos);
  }

  static constexpr std::uint32_t queue = 5;
  faults::Run run_;
};

TEST_F(Checker, AcceptsWhatIsPlain) {
  plain(1, 0);
  plain(2, 100);
  expect_clean();
  const Figures f = verdict().figures;
  EXPECT_EQ(f.asked, 2u);
  EXPECT_EQ(f.acknowledged, 2u);
  EXPECT_EQ(f.executed_once, 2u);
}

TEST_F(Checker, LostIsAcknowledgedAndNotThere) {
  plain(1, 0);
  run_.rows.clear();
  expect_broken(Rule::lost);
  EXPECT_TRUE(verdict().broke(Rule::balance));
}

TEST_F(Checker, LostIsNotBroughtToAnEndUnlessTheRunStoppedBefore) {
  ask(1, 0);
  acknowledge(1, 1);
  row(1, 0, State::pending);
  expect_broken(Rule::lost);
  run_.settings.drained = false;
  expect_clean();
}

TEST_F(Checker, AnUnknownOutcomeMayBeThereOrNot) {
  ask(1, 0);
  ask(2, 0);
  start(2, 1, 10);
  end(2, 1, 20);
  row(2);
  expect_clean();
  EXPECT_EQ(verdict().figures.unknown, 2u);
  EXPECT_EQ(verdict().figures.unknown_present, 1u);
}

TEST_F(Checker, PhantomIsExecutedAndNobodyAsked) {
  start(1, 1, 10);
  end(1, 1, 20);
  expect_broken(Rule::phantom);
}

TEST_F(Checker, PhantomIsRefusedAndThere) {
  ask(1, 0);
  add(1, about(What::not_enqueued, id_of(1)), producer);
  expect_clean();
  row(1, 0, State::cancelled);
  expect_broken(Rule::phantom);
}

TEST_F(Checker, PhantomIsAClaimNeverGiven) {
  plain(1, 0);
  start(1, 2, 30);
  expect_broken(Rule::phantom);
}

TEST_F(Checker, DuplicateOfAKilledOwnerIsExplained) {
  taken_over(1, 1300);
  fault(Fault::Kind::killed, owner, 100, 101);
  expect_clean();
  EXPECT_EQ(verdict().figures.ended.at(Why::owner_killed), 1u);
  EXPECT_EQ(verdict().figures.rescues_us, std::vector<std::int64_t>{1200 * ms});
}

TEST_F(Checker, DuplicateOfAHealthyOwnerIsNot) {
  taken_over(1, 1300);
  lives(owner, 0, 2000);
  expect_broken(Rule::duplicate);
}

TEST_F(Checker, DuplicateOfAPausedOrStarvedOwnerOrAnOutageIsExplained) {
  taken_over(1, 2300);
  fault(Fault::Kind::paused, owner, 100, 1900);
  expect_clean();
  run_.faults.clear();
  fault(Fault::Kind::outage, 0, 100, 1900);
  run_.settings.recovery_us = 100'000 * ms;
  expect_clean();
  run_.faults.clear();
  lives(owner, 0, 100);
  lives(owner, 1900, 2500);
  expect_clean();
  EXPECT_EQ(verdict().figures.ended.at(Why::starved), 1u);
}

TEST_F(Checker, DuplicateWhileTheDatabaseDidNotAnswerIsExplained) {
  taken_over(1, 2300);
  const auto answers = [&](std::int64_t from, std::int64_t to) {
    for (auto at = from; at <= to; at += 25) add(at, about(What::answered, Id{}), producer);
  };
  answers(0, 1000);
  answers(1200, 2400);
  expect_broken(Rule::duplicate);
  std::erase_if(run_.records, [](const Record& r) {
    return r.what == What::answered && r.at_us > 900 * ms && r.at_us < 1300 * ms;
  });
  expect_clean();
}

TEST_F(Checker, DuplicateOfAnOwnerThatWasCutOffIsExplained) {
  taken_over(1, 2300);
  fault(Fault::Kind::cut, other, 100, 100);
  expect_broken(Rule::duplicate);
  fault(Fault::Kind::cut, owner, 100, 100);
  expect_clean();
  EXPECT_EQ(verdict().figures.ended.at(Why::cut), 1u);
}

TEST_F(Checker, DuplicateOfAnOwnerThatKilledItselfIsExplained) {
  taken_over(1, 1300);
  add(100, about(What::dying, Id{}), owner);
  fault(Fault::Kind::killed, owner, 900, 900);  // found dead later
  expect_clean();
  EXPECT_EQ(verdict().figures.rescues_us, std::vector<std::int64_t>{1200 * ms});
}

TEST_F(Checker, WhoWasStoppedBeforeItsFirstRecordMayWriteItLate) {
  ask(1, 0);
  acknowledge(1, 1);
  start(1, 2, 2300, other);
  end(1, 2, 2310, other);
  start(1, 1, 2400);
  end(1, 1, 2410);
  explain(row(1, 2), Reason::lease_ended);
  expect_broken(Rule::attempts);
  fault(Fault::Kind::paused, owner, 100, 2390);
  expect_clean();
}

TEST_F(Checker, WhoWasCutOffBeforeItsFirstRecordMayWriteItWhenTheJobWasTakenBack) {
  ask(1, 0);
  acknowledge(1, 1);
  start(1, 1, 2400);
  end(1, 1, 2410);
  start(1, 2, 2450);
  end(1, 2, 2460);
  explain(row(1, 2), Reason::lease_ended);
  fault(Fault::Kind::paused, owner, 100, 2390);
  run_.clock_ahead_us = 0;
  run_.rows[0].history[0].at_us = 2350 * ms;
  expect_clean();
  run_.rows[0].history[0].at_us = 2440 * ms;
  expect_broken(Rule::duplicate);
}

TEST_F(Checker, APauseOfSomebodyElseOrAShortOneIsNoCause) {
  taken_over(1, 2300);
  fault(Fault::Kind::paused, other, 100, 1900);
  fault(Fault::Kind::paused, owner, 100, 200);
  fault(Fault::Kind::killed, owner, 2400, 2401);
  expect_broken(Rule::duplicate);
}

TEST_F(Checker, SomeLeasesMayEndUnprovedWhereThatIsAllowed) {
  taken_over(1, 2300);
  run_.settings.unproved_percent = 100;
  expect_clean();
  run_.settings.unproved_percent = 99;
  expect_broken(Rule::duplicate);
}

TEST_F(Checker, DuplicateWithoutALineIsNotExplained) {
  Row& r = taken_over(1, 2300);
  r.history.clear();
  r.crashes = 0;
  fault(Fault::Kind::killed, owner, 100, 101);
  expect_broken(Rule::duplicate);
}

TEST_F(Checker, DuplicateAfterAFailureNeedsAHandlerThatFailed) {
  plain(1, 0);
  run_.rows.clear();
  Row& r = row(1, 2);
  explain(r, Reason::failed);
  start(1, 2, 40);
  end(1, 2, 50);
  expect_broken(Rule::duplicate);
  for (Record& record : run_.records) {
    if (record.what == What::end && record.claim == 1) record.code = Code::failed;
  }
  expect_clean();
}

TEST_F(Checker, DuplicateBeforeTheLeaseCanHaveEnded) {
  taken_over(1, 200);
  fault(Fault::Kind::killed, owner, 100, 101);
  expect_broken(Rule::duplicate);
  run_.settings.dead_are_known = true;
  expect_clean();
  run_.faults[0] = {.kind = Fault::Kind::paused, .pid = owner, .from_us = 20 * ms, .to_us = 150 * ms};
  expect_broken(Rule::duplicate);  // it lived
}

// Where the database's clock is known: the first record of a claim may be late, its moment in the database is not.

TEST_F(Checker, DuplicateIsJudgedByTheMomentsOfTheDatabase) {
  give_by_database(taken_over(1, 2450), 20, 2100);
  run_.records[2].at_us = 2400 * ms;  // its owner was stopped before it could write that it began
  expect_broken(Rule::duplicate);     // nobody knows that
  fault(Fault::Kind::paused, owner, 30, 2390);
  expect_clean();
  run_.clock_ahead_us.reset();
  expect_broken(Rule::duplicate);  // 50 ms after it began
}

TEST_F(Checker, DuplicateNeedsACauseBeforeTheDatabaseTookItBack) {
  Row& r = give_by_database(taken_over(1, 2300), 5, 2100);
  fault(Fault::Kind::killed, owner, 2200, 2201);  // it was too late for this
  expect_broken(Rule::duplicate);
  run_.faults[0].from_us = 100 * ms;
  expect_clean();
  r.history[0].at_us = 700 * ms + *run_.clock_ahead_us;
  expect_broken(Rule::duplicate);  // not the whole lease
}

TEST_F(Checker, MomentsOfTheDatabaseFitToTheOthers) {
  const auto twice = [&](std::int64_t first, std::int64_t end, std::int64_t second) {
    run_ = {};
    give_by_database(taken_over(1, 2300), first, end);
    run_.records[3].value = static_cast<std::uint64_t>(second * ms + *run_.clock_ahead_us);
    fault(Fault::Kind::killed, owner, 100, 101);
  };
  twice(5, 2100, 2200);
  expect_clean();
  twice(5, 2100, 1800);
  expect_broken(Rule::overlap);
  twice(300, 2400, 2200);
  expect_broken(Rule::phantom);
}

TEST_F(Checker, DuplicateIsOneClaimExecutedTwice) {
  plain(1, 0);
  start(1, 1, 12, other);
  expect_broken(Rule::duplicate);
}

TEST_F(Checker, OverlapIsAllowedToWhoLostItsLease) {
  taken_over(1, 2300);
  end(1, 1, 2305);
  finish(1, 1, 2306, Code::refused);
  fault(Fault::Kind::paused, owner, 100, 2200);
  expect_clean();
  EXPECT_EQ(verdict().figures.overlaps, 1u);
  EXPECT_EQ(verdict().figures.late_refused, 1u);
}

TEST_F(Checker, OverlapIsNotAllowedOtherwise) {
  plain(1, 0);
  run_.rows.clear();
  Row& r = row(1, 2);
  explain(r, Reason::failed);
  start(1, 2, 15, other);
  end(1, 2, 30, other);
  expect_broken(Rule::overlap);
}

TEST_F(Checker, FencingKeepsOutTheZombie) {
  taken_over(1, 2300);
  fault(Fault::Kind::paused, owner, 100, 2200);
  end(1, 1, 2305);
  finish(1, 2, 2310, Code::ok, other);
  expect_clean();
  const Figures f = verdict().figures;
  EXPECT_EQ(f.zombies, 1u);
  EXPECT_EQ(f.zombies_refused, 1u);
  EXPECT_EQ(f.zombie_pauses, std::set<std::int64_t>{100 * ms});
  finish(1, 1, 2320, Code::ok);
  expect_broken(Rule::fencing);
  EXPECT_EQ(verdict().figures.zombies_refused, 0u);
}

TEST_F(Checker, FencingNeedsTheTokenOfTheLastClaim) {
  plain(1, 0).token = 4711;
  expect_broken(Rule::fencing);
}

TEST_F(Checker, FencingNeedsAnExecutionForASuccess) {
  ask(1, 0);
  acknowledge(1, 1);
  row(1);
  expect_broken(Rule::fencing);
}

TEST_F(Checker, FencingGivesATokenOnce) {
  taken_over(1, 2300);
  fault(Fault::Kind::killed, owner, 100, 101);
  for (Record& r : run_.records) {
    if (r.claim != 0) r.token = 9;
  }
  run_.rows[0].token = 9;
  expect_broken(Rule::fencing);
}

TEST_F(Checker, AttemptsAreCountedAtEachClaim) {
  plain(1, 0);
  for (Record& r : run_.records) {
    if (r.claim == 1) r.attempt = 0;
  }
  expect_broken(Rule::attempts);
}

TEST_F(Checker, AttemptsAreGivenBackByReleaseAndSnooze) {
  for (const Reason reason : {Reason::released, Reason::snoozed}) {
    run_ = {};
    ask(1, 0);
    acknowledge(1, 1);
    start(1, 1, 10);
    end(1, 1, 20, owner, Code::snoozed);
    start(1, 2, 30);
    end(1, 2, 40);
    Row& r = row(1, 2);
    explain(r, reason);
    expect_broken(Rule::attempts);
    for (Record& record : run_.records) record.attempt = std::min(record.attempt, 1);
    r.attempt = 1;
    expect_clean();
  }
}

TEST_F(Checker, AttemptsBeginAgainAfterARequeue) {
  plain(1, 0);
  run_.rows.clear();
  start(1, 2, 40);
  end(1, 2, 50);
  Row& r = row(1, 2);
  explain(r, Reason::requeued);
  expect_broken(Rule::attempts);
  for (Record& record : run_.records) record.attempt = std::min(record.attempt, 1);
  r.attempt = 1;
  expect_clean();
}

TEST_F(Checker, AttemptsLeaveATraceAndEndAtTheirMost) {
  Row& r = plain(1, 0);
  r.max_attempts = 0;
  expect_broken(Rule::attempts);
  r.max_attempts = 25;
  r.claims = 3;
  expect_broken(Rule::attempts);
}

TEST_F(Checker, LimitOfAQueueHoldsAtEveryInstant) {
  plain(1, 0);
  plain(2, 5);
  run_.settings.limits[queue] = 2;
  expect_clean();
  EXPECT_EQ(verdict().figures.most_held.at(queue), 2);
  run_.settings.limits[queue] = 1;
  expect_broken(Rule::limit);
}

TEST_F(Checker, LimitDoesNotCountWhoLostItsLease) {
  taken_over(1, 2300);
  end(1, 1, 2400);
  fault(Fault::Kind::paused, owner, 100, 2200);
  run_.settings.limits[queue] = 1;
  expect_clean();
  EXPECT_EQ(verdict().figures.most_alive.at(queue), 2);
}

TEST_F(Checker, LimitIsAlsoWhatIsSeenInTheDatabase) {
  plain(1, 0);
  run_.settings.limits[queue] = 2;
  Record seen = about(What::held, Id{}, Code::none, 2);
  seen.queue = queue;
  add(15, seen, producer);
  expect_clean();
  seen.value = 3;
  add(16, seen, producer);
  expect_broken(Rule::limit);
}

TEST_F(Checker, UniqueKeysMayBeUsedOneAfterTheOther) {
  plain(1, 0);
  plain(2, 100);
  for (Record& r : run_.records) {
    if (r.what == What::enqueue_asked) r.value = 42;
  }
  add(15, about(What::enqueued, id_of(1), Code::duplicate), producer);
  expect_clean();
}

TEST_F(Checker, UniqueKeysAreNotHeldTwice) {
  plain(1, 0);
  plain(2, 5);
  for (Record& r : run_.records) {
    if (r.what == What::enqueue_asked) r.value = 42;
  }
  expect_broken(Rule::unique);
}

TEST_F(Checker, UniqueKeysAreNotHeldTwiceInTheDatabase) {
  run_.settings.drained = false;
  for (const std::uint8_t n : {std::uint8_t{1}, std::uint8_t{2}}) {
    ask(n, n);
    row(n, 0, State::pending).unique_key = 40u + n;
  }
  expect_clean();
  run_.rows[1].unique_key = 41;
  expect_broken(Rule::unique);
}

TEST_F(Checker, OrderOfAStrictQueueIsThatOfItsEnqueues) {
  plain(1, 0);
  ask(2, 2);
  acknowledge(2, 3);
  start(2, 1, 5);
  end(2, 1, 6);
  row(2);
  expect_clean();
  run_.settings.strict.insert(queue);
  expect_broken(Rule::order);
  run_.rows[1].priority = 5;
  expect_clean();
}

TEST_F(Checker, PassingOverABetterJobIsCounted) {
  plain(1, 0);
  plain(2, 5).priority = 20;
  EXPECT_EQ(verdict().figures.inversions, 0u);
  run_ = {};
  plain(2, 5000).priority = 20;
  ask(1, 0);
  acknowledge(1, 1);
  start(1, 1, 6000);
  end(1, 1, 6001);
  row(1);
  EXPECT_EQ(verdict().figures.inversions, 1u);
}

TEST_F(Checker, EarlyIsBeforeItsTime) {
  plain(1, 0);
  add(0, about(What::not_before, id_of(1), Code::none, 60 * ms), producer);
  expect_clean();  // within the tolerance
  add(0, about(What::not_before, id_of(1), Code::none, 61 * ms), producer);
  expect_broken(Rule::early);
}

TEST_F(Checker, RescueHasABound) {
  taken_over(1, 4100);
  fault(Fault::Kind::killed, owner, 100, 101);
  expect_clean();
  run_.settings.rescue_us = 3999 * ms;
  expect_broken(Rule::rescue);
  run_.settings.limits[queue] = 2;  // it may have waited for a slot
  expect_clean();
  run_.settings.limits.clear();
  run_.clock_ahead_us = 500'000 * ms;  // as the database says it could have begun sooner
  run_.rows[0].history[0].at_us = 502'900 * ms;
  expect_clean();
  run_.rows[0].history[0].at_us = 504'200 * ms;
  expect_broken(Rule::rescue);
  run_.clock_ahead_us.reset();
  run_.settings.recovery_us = 100'000 * ms;
  fault(Fault::Kind::outage, 0, 50, 1100);  // nobody could
  run_.settings.rescue_us = 3000 * ms;
  expect_clean();
}

TEST_F(Checker, RecoveryHasABoundAsLongAsThereIsWork) {
  plain(1, 0);
  fault(Fault::Kind::outage, 0, 30, 40);
  expect_clean();  // no work was left
  ask(2, 25);
  acknowledge(2, 26);
  start(2, 1, 10'050, other);
  end(2, 1, 10'060, other);
  row(2);
  expect_broken(Rule::recovery);
  start(2, 1, 41);
  run_.records.erase(std::remove_if(run_.records.begin(), run_.records.end(),
                                    [](const Record& r) { return r.pid == other; }),
                     run_.records.end());
  end(2, 1, 10'060);
  expect_clean();
  EXPECT_EQ(verdict().figures.recoveries_us, std::vector<std::int64_t>{1 * ms});
}

TEST_F(Checker, PoisonIsStoppedAfterMaxCrashesOrOneMore) {
  ask(1, 0);
  acknowledge(1, 1);
  for (int claim = 1; claim <= 3; ++claim) start(1, claim, 2000 * claim, owner + claim, Code::poison);
  Row& r = row(1, 3, State::errored);
  r.token = 0;
  for (std::int32_t claim = 1; claim <= 3; ++claim) {
    r.history.push_back({claim, claim, Reason::lease_ended, owner + claim});
  }
  r.crashes = 3;
  add(9000, about(What::pulse, Id{}), other);
  expect_clean();
  r.max_crashes = 2;  // it died beside other suspects once
  expect_clean();
  r.max_crashes = 1;
  expect_broken(Rule::poison);
  r.max_crashes = 4;
  expect_broken(Rule::poison);
}

TEST_F(Checker, PoisonOfOthersEndsNobody) {
  ask(1, 0);
  acknowledge(1, 1);
  start(1, 1, 10);
  fault(Fault::Kind::killed, owner, 100, 101);
  add(2000, about(What::pulse, Id{}), other);
  Row& r = row(1, 1, State::errored);
  r.token = 0;
  r.history.push_back({1, 1, Reason::lease_ended, owner});
  r.crashes = 1;
  expect_clean();
  r.max_crashes = 1;
  expect_broken(Rule::poison);
}

TEST_F(Checker, AtomicIsBothOrNeither) {
  for (const std::uint8_t n : {std::uint8_t{1}, std::uint8_t{2}}) {
    add(0, about(What::enqueue_asked, id_of(n), Code::in_transaction), producer);
  }
  start(1, 1, 10);
  end(1, 1, 20);
  row(1);
  run_.user_rows = std::set<Id>{id_of(1)};
  expect_clean();
  run_.user_rows = std::set<Id>{};
  expect_broken(Rule::atomic);
  run_.user_rows = std::set<Id>{id_of(1), id_of(2)};
  expect_broken(Rule::atomic);
}

TEST_F(Checker, ResultIsThatOfTheLastClaim) {
  plain(1, 0).result = 78;
  expect_broken(Rule::result);
}

TEST_F(Checker, ResultAndLogKeepTheirWriters) {
  plain(1, 0).log.push_back({.claim = 1, .writer = 1});
  expect_clean();
  run_.rows[0].log.push_back({.claim = 1, .writer = 2});
  expect_broken(Rule::result);
}

TEST_F(Checker, CountersAreRecounted) {
  Row& r = plain(1, 0);
  run_.counters.push_back({"pending", 0, 0});
  expect_clean();
  run_.counters.push_back({"success", 0, 1});
  expect_broken(Rule::counters);
  run_.counters.clear();
  r.crashes = 1;
  expect_broken(Rule::counters);
}

TEST_F(Checker, BalanceCountsEachRowOnce) {
  plain(1, 0);
  run_.rows.push_back(run_.rows[0]);
  expect_broken(Rule::balance);
}

TEST_F(Checker, BalanceKnowsEveryState) {
  plain(1, 0).state = static_cast<State>(9);
  run_.settings.drained = false;
  expect_broken(Rule::balance);
}

}  // namespace
}  // namespace sqlq::faults
