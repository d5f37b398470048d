// The rules of the checker for jobs that are lost, made up, or executed twice.

#include "check_fixture.hpp"

namespace sqlq::faults {
namespace {

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

}  // namespace
}  // namespace sqlq::faults
