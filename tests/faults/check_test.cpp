// The rules of the checker for tokens, attempts, limits (also by key), unique keys, order, bounds and sums.

#include "check_fixture.hpp"

namespace sqlq::faults {
namespace {

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

TEST_F(Checker, JobsOfAKeyAreNeverMoreThanItsLimit) {
  plain(1, 0).key = 7;
  plain(2, 5).key = 7;
  plain(3, 5).key = 8;
  plain(4, 5);
  run_.settings.keys[7] = KeyRules{.at_once = 2};
  expect_clean();
  EXPECT_EQ(verdict().figures.most_of_key, 2);
  EXPECT_EQ(verdict().figures.keys, 2u);
  run_.settings.keys[7].at_once = 1;
  expect_broken(Rule::key);
}

TEST_F(Checker, LimitOfAKeyDoesNotCountWhoLostItsLease) {
  taken_over(1, 2300).key = 7;
  end(1, 1, 2400);
  fault(Fault::Kind::paused, owner, 100, 2200);
  run_.settings.keys[7] = KeyRules{.at_once = 1};
  expect_clean();
}

TEST_F(Checker, JobsOfAKeyInOrderStartAfterTheLastStartOfOlderOnes) {
  plain(1, 0).key = 7;
  plain(2, 100).key = 7;
  plain(3, 50).key = 8;
  run_.settings.keys[7] = KeyRules{.in_order = true};
  run_.settings.keys[8] = KeyRules{.in_order = true};
  expect_clean();
  plain(4, 50).key = 7;
  expect_broken(Rule::key);
}

TEST_F(Checker, NoPeriodHasMoreStartsOfAKeyThanItsRate) {
  for (std::uint8_t job = 1; job <= 3; ++job) {
    plain(job, 100 * job).key = 7;
    for (Record& r : run_.records) {
      if (r.what == What::start && r.id == id_of(job)) r.value = static_cast<std::uint64_t>(1000 + 100 * job) * ms;
    }
  }
  run_.settings.keys[7] = KeyRules{.at_once = 3, .starts = 2, .per_us = 200 * ms};
  expect_clean();
  EXPECT_EQ(verdict().figures.most_starts, 2u);
  run_.settings.keys[7].per_us = 200 * ms + 1;
  expect_broken(Rule::rate);
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
