// The rules of the checker for schedules and durable steps.

#include "check_fixture.hpp"
#include "rows.hpp"

namespace sqlq::faults {
namespace {

class TimeChecker : public Checker {
 protected:
  static constexpr std::int64_t second = 1000 * ms;

  /// A job that a schedule has enqueued, and that was executed.
  void fire(std::uint8_t job, std::int64_t tick) {
    start(job, 1, 10);
    end(job, 1, 20);
    row(job).tick = Tick{"a", tick * second};
  }
  Series& series(std::int64_t last, std::int64_t fired) {
    run_.series = {{.name = "a", .first_us = 3 * second, .every_us = second, .last_us = last * second, .fired = fired}};
    return run_.series.front();
  }
  void step(std::int64_t at, int claim, std::int32_t pid, What what, Code code = Code::none, std::uint64_t value = 0) {
    Record r = of_claim(what, 1, claim, code, value);
    r.queue = step_number("step", 0);
    add(at, r, pid);
  }
  void record(Row& row, std::uint64_t value) { row.steps.push_back({step_number("step", 0), value}); }
};

TEST_F(TimeChecker, TicksFireOnce) {
  fire(1, 3);
  fire(2, 4);
  series(4, 2).each = true;
  expect_clean();
  EXPECT_EQ(verdict().figures.ticks, 2u);
  fire(3, 4);
  expect_broken(Rule::tick);
  run_.series.front().fired = 3;
  expect_broken(Rule::tick);
}

TEST_F(TimeChecker, TicksAreThoseOfTheRule) {
  fire(1, 3);
  series(3, 1);
  run_.rows[0].tick->at_us += 1;
  expect_broken(Rule::tick);
  run_.rows[0].tick->at_us = 2 * second;
  expect_broken(Rule::tick);
  run_.rows[0].tick->at_us = 4 * second;
  expect_broken(Rule::tick);
}

TEST_F(TimeChecker, TicksThatDoNotFireArePassedOverByAPolicy) {
  fire(1, 3);
  fire(2, 6);
  series(6, 2);
  expect_broken(Rule::tick);
  run_.series.front().missed = 1;
  run_.series.front().skipped = 1;
  expect_clean();
  EXPECT_EQ(verdict().figures.ticks_missed, 1);
  EXPECT_EQ(verdict().figures.ticks_skipped, 1);
  run_.series.front().each = true;
  expect_broken(Rule::tick);
}

TEST_F(TimeChecker, TicksThatFiredHaveTheirJobs) {
  fire(1, 3);
  series(4, 2);
  expect_broken(Rule::tick);
}

TEST_F(TimeChecker, StepsAnswerWhatIsRecorded) {
  Row& r = taken_over(1, 2300);
  fault(Fault::Kind::killed, owner, 100, 101);
  step(50, 1, owner, What::stepping);
  step(60, 1, owner, What::stepped, Code::ok, 7);
  step(2301, 2, other, What::stepped, Code::duplicate, 7);
  record(r, 7);
  expect_clean();
  EXPECT_EQ(verdict().figures.steps, 1u);
  EXPECT_EQ(verdict().figures.steps_again, 1u);
  run_.rows[0].steps[0].value = 8;
  expect_broken(Rule::step);
  run_.rows[0].steps.clear();
  expect_broken(Rule::step);
}

TEST_F(TimeChecker, StepsAreRecordedOnce) {
  Row& r = taken_over(1, 2300);
  fault(Fault::Kind::killed, owner, 100, 101);
  step(60, 1, owner, What::stepped, Code::ok, 7);
  step(2301, 2, other, What::stepped, Code::ok, 7);
  record(r, 7);
  expect_broken(Rule::step);
}

TEST_F(TimeChecker, StepsAreRecordedOnlyByTheHolderOfTheLease) {
  Row& r = taken_over(1, 2300);
  fault(Fault::Kind::paused, owner, 100, 2304);
  step(2305, 1, owner, What::stepping);
  record(r, 7);
  expect_clean();
  step(2306, 1, owner, What::stepped, Code::ok, 7);
  expect_broken(Rule::step);
}

TEST_F(TimeChecker, SignalsAreStoredOnceAndReceived) {
  const auto sent = [&](std::int64_t at, Code code, std::uint64_t value) {
    Record r = about(What::signalled, id_of(1), code, value);
    r.queue = step_number("step", 0);
    add(at, r, producer);
  };
  Row& r = plain(1, 0);
  record(r, 7);
  sent(5, Code::ok, 7);
  sent(6, Code::duplicate, 8);
  expect_broken(Rule::step);  // nobody received it
  step(25, 1, owner, What::stepped, Code::duplicate, 7);  // the last record
  expect_clean();
  EXPECT_EQ(verdict().figures.signals, 1u);
  run_.records.back().value = 8;
  expect_broken(Rule::step);
  run_.records.back().value = 7;
  sent(16, Code::ok, 7);
  expect_broken(Rule::step);
}

TEST(Rows, TellOfTicksAndSteps) {
  const std::string id = "00000000-0000-0000-0000-000000000001";
  const auto ask = [&](const std::string& query, const std::function<void(const Texts&)>& row) {
    if (query == "steps") row({id, "step", "3", "7"});
    if (query != "jobs") return;
    const std::string headers = R"({"a":"b","sqlq-schedule":"every one","sqlq-tick":"2026-11-30T02:30:01.000005Z"})";
    row({id, "3", "default", "10", "1", "25", "0", "3", "1", "9", "", "", headers});
    row({"2" + id.substr(1), "1", "default", "10", "0", "25", "0", "3", "0", "0", "", "", ""});
  };
  const auto rows = read_rows(ask, {.jobs = "jobs", .history = "history", .logs = "logs", .steps = "steps"});
  ASSERT_EQ(rows.size(), 2u);
  ASSERT_TRUE(rows[0].tick.has_value());
  EXPECT_EQ(rows[0].tick->schedule, "every one");
  EXPECT_EQ(rows[0].tick->at_us, 1'796'005'801'000'005);
  ASSERT_EQ(rows[0].steps.size(), 1u);
  EXPECT_EQ(rows[0].steps[0].step, step_number("step", 3));
  EXPECT_EQ(rows[0].steps[0].value, hash_of("7"));
  EXPECT_FALSE(rows[1].tick.has_value());
}

}  // namespace
}  // namespace sqlq::faults
