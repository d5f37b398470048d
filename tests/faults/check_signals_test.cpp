// The rule of the checker for signals.

#include "check_fixture.hpp"

namespace sqlq::faults {
namespace {

class SignalChecker : public Checker {
 protected:
  void note(std::int64_t at, What what, int claim, std::int32_t pid, Code code = Code::none, std::uint64_t value = 0) {
    Record r = of_claim(what, 1, claim, code, value);
    r.queue = name;
    add(at, r, pid);
  }
  void send(std::int64_t at, std::uint64_t value) { note(at, What::signalling, 0, producer, Code::none, value); }
  void sent(std::int64_t at, std::uint64_t value, Code answer = Code::ok) {
    note(at, What::signalled, 0, producer, answer, value);
  }
  void waits(std::int64_t at, int claim, std::int32_t pid = owner) { note(at, What::waiting, claim, pid); }
  void received(std::int64_t at, int claim, std::uint64_t value, std::int32_t pid = owner) {
    note(at, What::waited, claim, pid, Code::ok, value);
  }
  void expired(std::int64_t at, int claim, std::int32_t pid = owner) {
    note(at, What::waited, claim, pid, Code::failed);
  }
  static void record_signal(Row& row, std::uint64_t value) {
    row.steps.push_back({.step = name, .value = value, .is = StepIs::signal});
  }
  static void record_expired(Row& row, std::int32_t claim) {
    row.steps.push_back({.step = name, .is = StepIs::expired, .claim = claim});
  }
  /// Executed once, and suspended, at 10 ms; again at 100 ms.
  Row& suspended() {
    ask(1, 0);
    acknowledge(1, 1);
    start(1, 1, 10);
    end(1, 1, 12, owner, Code::snoozed);
    start(1, 2, 100, other);
    end(1, 2, 110, other);
    Row& r = row(1, 2);
    r.attempt = 1;
    r.history.push_back({1, 1, Reason::snoozed, owner});
    for (Record& record : run_.records) record.attempt = record.claim == 0 ? 0 : 1;
    return r;
  }

  static inline const std::uint32_t name = step_number("go", 0);
};

TEST_F(SignalChecker, ASignalIsReceivedAlsoWhenItCameBeforeTheWait) {
  Row& r = plain(1, 0);
  send(2, 7);
  sent(3, 7);
  waits(11, 1);
  received(12, 1, 7);
  record_signal(r, 7);
  expect_clean();
  EXPECT_EQ(verdict().figures.signals, 1u);
  EXPECT_EQ(verdict().figures.received, 1u);
}

TEST_F(SignalChecker, ASignalWakesWhoWaits) {
  Row& r = suspended();
  waits(11, 1);
  send(50, 7);
  sent(52, 7);
  waits(101, 2, other);
  received(102, 2, 7, other);
  record_signal(r, 7);
  expect_clean();
}

TEST_F(SignalChecker, ASignalThatCameBeforeTheWaitEndedIsNotLost) {
  Row& r = suspended();
  waits(11, 1);
  send(50, 7);
  sent(52, 7);
  waits(101, 2, other);
  expired(102, 2, other);
  record_signal(r, 7);
  record_expired(r, 2);
  expect_broken(Rule::signal);
  // Whatever the database tells of their order.
  std::swap(run_.rows[0].steps[0], run_.rows[0].steps[1]);
  expect_broken(Rule::signal);
  run_.rows.clear();
  EXPECT_FALSE(verdict().broke(Rule::signal)) << "the first claim may have found that its time was over";
  run_.records.erase(std::ranges::find(run_.records, What::waiting, &Record::what));
  expect_broken(Rule::signal);
}

TEST_F(SignalChecker, ASignalThatOnlyTheDatabaseTellsOfIsNotLostEither) {
  Row& r = suspended();
  waits(11, 1);
  send(50, 7);  // its sender was killed
  waits(101, 2, other);
  expired(102, 2, other);
  record_expired(r, 2);
  record_signal(r, 7);
  expect_clean();
  std::swap(run_.rows[0].steps[0], run_.rows[0].steps[1]);
  expect_broken(Rule::signal);
}

TEST_F(SignalChecker, ASignalMayComeTooLate) {
  Row& r = suspended();
  waits(11, 1);
  waits(101, 2, other);
  expired(102, 2, other);
  send(103, 7);
  sent(104, 7);
  record_expired(r, 2);
  record_signal(r, 7);
  expect_clean();
  EXPECT_EQ(verdict().figures.expired, 1u);
  run_.rows[0].steps.erase(run_.rows[0].steps.begin());
  expect_broken(Rule::signal);
}

TEST_F(SignalChecker, ALaterExecutionGetsTheAnswerThatIsRecorded) {
  Row& r = taken_over(1, 2300);
  fault(Fault::Kind::killed, owner, 100, 101);
  waits(11, 1);
  expired(50, 1);
  send(60, 7);
  sent(61, 7);
  waits(2301, 2, other);
  expired(2302, 2, other);
  record_expired(r, 1);
  record_signal(r, 7);
  expect_clean();
  received(2303, 2, 7, other);
  expect_broken(Rule::signal);
}

TEST_F(SignalChecker, WhatIsReceivedWasSent) {
  Row& r = plain(1, 0);
  waits(11, 1);
  received(12, 1, 7);
  record_signal(r, 7);
  expect_broken(Rule::signal);
  send(13, 7);  // after it
  expect_broken(Rule::signal);
}

TEST_F(SignalChecker, ASignalThatWasStoredIsThere) {
  Row& r = plain(1, 0);
  send(2, 7);
  sent(3, 7);
  expect_broken(Rule::signal);
  record_signal(r, 8);
  expect_broken(Rule::signal);
  run_.rows[0].steps[0].value = 7;
  expect_clean();
}

TEST_F(SignalChecker, TheFirstWinsAndStays) {
  Row& r = plain(1, 0);
  send(2, 7);
  sent(3, 7);
  send(4, 8);
  sent(5, 8, Code::duplicate);
  waits(11, 1);
  received(12, 1, 7);
  record_signal(r, 7);
  expect_clean();
  received(25, 1, 8);
  expect_broken(Rule::signal);
  run_.records.pop_back();
  expect_clean();
  sent(6, 8);
  expect_broken(Rule::signal);
}

TEST_F(SignalChecker, ASignalThatCameWhenTheJobHadFinishedIsNotStored) {
  plain(1, 0);
  send(30, 7);
  sent(31, 7, Code::refused);
  expect_clean();
}

}  // namespace
}  // namespace sqlq::faults
