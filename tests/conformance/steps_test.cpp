// What jobs remember of their executions: recorded once, by the holder of the lease; signals that are never lost.

#include <algorithm>
#include <atomic>
#include <set>

#include <sqlq/conformance/suite.hpp>

#include "facts.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using backend::NewStep, backend::RecordAnswer, backend::RecordStatus;

NewStep step_of(const Job& job, std::string_view name, std::string_view value = "1",
                StepKind kind = StepKind::result) {
  return {.id = job.id, .token = job.lease_token, .kind = kind, .name = name, .value = value};
}

NewStep wait_of(const Job& job, std::string_view name, Duration delay = 24h, std::int64_t number = 0) {
  return {.id = job.id, .token = job.lease_token, .kind = StepKind::wait, .name = name, .number = number,
          .delay = delay};
}

/// "kind name number value", in the order given.
std::vector<std::string> in_words(const std::vector<StepRecord>& steps) {
  std::vector<std::string> words;
  for (const StepRecord& s : steps) {
    words.push_back(std::string(to_string(s.kind)) + ' ' + s.name + ' ' + std::to_string(s.number) + ' ' + s.value);
  }
  return words;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_P(Steps, IsThereWhenItIsDeclared) { EXPECT_EQ(dialect().steps() != nullptr, capabilities().steps); }

TEST_P(Steps, AStepIsRecordedOnceByTheHolder) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue();
  const Job job = take();
  const std::string before = facts_of(row(job.id));
  const RecordAnswer first = part.record_step(step_of(job, "charge", "{\"n\": 1}"), nullptr, clock().instant());
  EXPECT_EQ(first.status, RecordStatus::recorded);
  EXPECT_EQ(first.step.value, "{\"n\": 1}");
  clock().advance(1s);
  const RecordAnswer again = part.record_step(step_of(job, "charge", "2"), nullptr, clock().instant());
  EXPECT_EQ(again.status, RecordStatus::existing);
  EXPECT_EQ(again.step.value, "{\"n\": 1}") << "byte for byte as recorded first";
  const std::vector<StepRecord> steps = part.read_steps(job.id, nullptr);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].kind, StepKind::result);
  EXPECT_EQ(steps[0].name, "charge");
  EXPECT_EQ(steps[0].number, 0);
  EXPECT_EQ(steps[0].claim, job.claims);
  EXPECT_EQ(steps[0].at, clock().now() - 1s);
  EXPECT_FALSE(steps[0].until);
  EXPECT_EQ(facts_of(row(job.id)), before) << "nothing of the job changes";
}

TEST_P(Steps, KindNameAndNumberMakeTheKey) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue();
  const Job job = take();
  NewStep numbered = step_of(job, "row", "10");
  numbered.number = 1;
  NewStep negative = step_of(job, "row", "-7");
  negative.number = -7;
  NewStep sleep = step_of(job, "row", "", StepKind::sleep);
  sleep.delay = 1h;
  for (const NewStep& s : {step_of(job, "row", "0"), numbered, negative, sleep, step_of(job, "Row", "\"other case\""),
                           step_of(job, "row ", "\"a blank\""), step_of(job, "row", "true", StepKind::decision),
                           step_of(job, "row", "[]", StepKind::children), wait_of(job, "row", 2h)}) {
    EXPECT_EQ(part.record_step(s, nullptr, clock().instant()).status, RecordStatus::recorded);
    EXPECT_EQ(part.record_step(s, nullptr, clock().instant()).status, RecordStatus::existing);
  }
  EXPECT_EQ(in_words(part.read_steps(job.id, nullptr)),
            (Words{"result row 0 0", "result row 1 10", "result row -7 -7", "sleep row 0 ",
                   "result Row 0 \"other case\"", "result row  0 \"a blank\"", "decision row 0 true",
                   "children row 0 []", "wait row 0 "}))
      << "in the order of their recording";
  EXPECT_EQ(part.read_steps(job.id, nullptr)[3].until, clock().now() + 1h);
  EXPECT_EQ(part.read_steps(job.id, nullptr)[8].until, clock().now() + 2h);
}

TEST_P(Steps, WhoLostTheLeaseRecordsNothing) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue({.keepalive = 1s});
  const Job zombie = take();
  ASSERT_EQ(part.record_step(step_of(zombie, "first"), nullptr, clock().instant()).status, RecordStatus::recorded);
  clock().advance(10s);
  ASSERT_EQ(client().reap().total(), 1U);
  for (const StepKind kind :
       {StepKind::result, StepKind::sleep, StepKind::wait, StepKind::expired, StepKind::decision, StepKind::children}) {
    const NewStep late = step_of(zombie, "late", "1", kind);
    EXPECT_EQ(part.record_step(late, nullptr, clock().instant()).status, RecordStatus::stale);
  }
  const Job job = take();
  EXPECT_EQ(part.record_step(step_of(zombie, "late"), nullptr, clock().instant()).status, RecordStatus::stale);
  EXPECT_EQ(part.record_step(step_of(job, "late", "2"), nullptr, clock().instant()).status, RecordStatus::recorded);
  EXPECT_EQ(in_words(part.read_steps(job.id, nullptr)), (Words{"result first 0 1", "result late 0 2"}));
  ASSERT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(part.record_step(step_of(job, "after"), nullptr, clock().instant()).status, RecordStatus::stale);
  const Job nobody{.id = JobId::make(clock().now()), .lease_token = job.lease_token};
  EXPECT_EQ(part.record_step(step_of(nobody, "x"), nullptr, clock().instant()).status, RecordStatus::stale);
  EXPECT_TRUE(part.read_steps(nobody.id, nullptr).empty());
}

TEST_P(Steps, StepsStayThroughRetriesSnoozesAndRequeueAndGoWithTheJob) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue({.retention = Duration(0)});
  Job job = take();
  const JobId id = job.id;
  ASSERT_EQ(part.record_step(step_of(job, "one"), nullptr, clock().instant()).status, RecordStatus::recorded);
  client().error(job, "no");
  clock().advance(24h);
  job = take();
  ASSERT_EQ(part.record_step(step_of(job, "two"), nullptr, clock().instant()).status, RecordStatus::recorded);
  client().snooze(job, 1h);
  clock().advance(1h);
  job = take();
  client().error(job, "for good", {.discard = true});
  ASSERT_EQ(admin().requeue(id), RequeueStatus::requeued);
  job = take();
  EXPECT_EQ(in_words(part.read_steps(id, nullptr)), (Words{"result one 0 1", "result two 0 1"}));
  client().success(job);
  EXPECT_EQ(part.read_steps(id, nullptr).size(), 2U);
  clock().advance(1h);
  admin().purge();
  EXPECT_FALSE(client().find(id));
  EXPECT_TRUE(part.read_steps(id, nullptr).empty());
}

TEST_P(Steps, EraseTakesThemToo) {
  SQLQ_NEEDS(steps);
  enqueue();
  const Job job = take();
  ASSERT_EQ(dialect().steps()->record_step(step_of(job, "one"), nullptr, clock().instant()).status,
            RecordStatus::recorded);
  client().success(job);
  ASSERT_EQ(admin().erase(job.id), ActionStatus::done);
  EXPECT_TRUE(dialect().steps()->read_steps(job.id, nullptr).empty());
}

TEST_P(Steps, ASignalThatComesFirstIsFoundByTheWait) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  const JobId id = enqueue();
  EXPECT_EQ(client().signal(id, "go", "\"first\""), SignalStatus::stored);
  EXPECT_EQ(client().signal(id, "go", "\"second\""), SignalStatus::existing);
  EXPECT_EQ(state(id), JobState::pending);
  const Job job = take();
  const RecordAnswer answer = part.record_step(wait_of(job, "go"), nullptr, clock().instant());
  EXPECT_EQ(answer.status, RecordStatus::existing);
  EXPECT_EQ(answer.step.kind, StepKind::signal);
  EXPECT_EQ(answer.step.value, "\"first\"");
  EXPECT_EQ(answer.step.claim, 0);
  EXPECT_EQ(part.record_step(step_of(job, "go", "", StepKind::expired), nullptr, clock().instant()).step.kind,
            StepKind::signal);
}

TEST_P(Steps, ASignalWakesAJobThatSleepsUntilItsWaitEnds) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue();
  Job job = take();
  ASSERT_EQ(part.record_step(wait_of(job, "go"), nullptr, clock().instant()).status, RecordStatus::recorded);
  ASSERT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  ASSERT_EQ(state(job.id), JobState::scheduled);
  EXPECT_EQ(client().signal(job.id, "other", "1"), SignalStatus::stored);
  EXPECT_TRUE(claim(1).empty()) << "it waits for another one";
  EXPECT_EQ(client().signal(job.id, "go", "2"), SignalStatus::stored);
  job = take();
  EXPECT_EQ(job.attempt, 1) << "a snooze charges no attempt";
  EXPECT_EQ(in_words(part.read_steps(job.id, nullptr)), (Words{"wait go 0 ", "signal other 0 1", "signal go 0 2"}));
}

TEST_P(Steps, ASignalBetweenTheWaitAndTheSnoozeIsNotLost) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue();
  Job job = take();
  ASSERT_EQ(part.record_step(wait_of(job, "go"), nullptr, clock().instant()).status, RecordStatus::recorded);
  ASSERT_EQ(client().signal(job.id, "go", "1"), SignalStatus::stored);
  ASSERT_EQ(state(job.id), JobState::running);
  ASSERT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  job = take();
  // What was told is taken back by the next wait.
  ASSERT_EQ(part.record_step(wait_of(job, "next"), nullptr, clock().instant()).status, RecordStatus::recorded);
  ASSERT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(state(job.id), JobState::scheduled);
}

TEST_P(Steps, ASignalThatAJobDoesNotWaitForEndsNoSleepOfIt) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  const JobId id = enqueue();
  const auto sleeps_on = [&](const char* what) {
    ASSERT_EQ(client().snooze(take(), 24h), FinishStatus::applied);
    EXPECT_TRUE(claim(1).empty()) << what;
    EXPECT_EQ(admin().run_now(id), ActionStatus::done) << what;
  };
  EXPECT_EQ(client().signal(id, "early", "1"), SignalStatus::stored);
  sleeps_on("it came before the first execution");
  EXPECT_EQ(client().signal(id, "pending", "1"), SignalStatus::stored);
  sleeps_on("it came while the job was due");

  Job job = take();
  EXPECT_EQ(client().signal(id, "held", "1"), SignalStatus::stored);
  ASSERT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  EXPECT_TRUE(claim(1).empty()) << "it came while the job was held";
  EXPECT_EQ(client().signal(id, "asleep", "1"), SignalStatus::stored);
  EXPECT_EQ(admin().run_now(id), ActionStatus::done);
  sleeps_on("it came during a sleep");

  job = take();
  ASSERT_EQ(part.record_step(wait_of(job, "late"), nullptr, clock().instant()).status, RecordStatus::recorded);
  ASSERT_EQ(part.record_step(step_of(job, "late", "", StepKind::expired), nullptr, clock().instant()).status,
            RecordStatus::recorded);
  EXPECT_EQ(client().signal(id, "late", "1"), SignalStatus::stored);
  ASSERT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  EXPECT_TRUE(claim(1).empty()) << "its wait has ended";
  EXPECT_EQ(state(id), JobState::scheduled);
}

TEST_P(Steps, ASignalAfterTheEndOfItsWaitEndsNoSleep) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  const JobId id = enqueue();
  const Job job = take();
  ASSERT_EQ(part.record_step(wait_of(job, "late"), nullptr, clock().instant()).status, RecordStatus::recorded);
  ASSERT_EQ(part.record_step(step_of(job, "late", "", StepKind::expired), nullptr, clock().instant()).status,
            RecordStatus::recorded);
  ASSERT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  EXPECT_EQ(client().signal(id, "late", "1"), SignalStatus::stored);
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(state(id), JobState::scheduled);
}

TEST_P(Steps, ARetryIsNotHurriedByASignalThatNobodyWaitsFor) {
  SQLQ_NEEDS(steps);
  enqueue();
  const Job job = take();
  client().error(job, "no", {.retry = RetryPolicy::constant(1h)});
  EXPECT_EQ(client().signal(job.id, "go", "1"), SignalStatus::stored);
  EXPECT_TRUE(claim(1).empty());
  clock().advance(1h);
  EXPECT_EQ(claim(1).size(), 1U);
}

TEST_P(Steps, AppendedSignalsHaveNumbers) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue();
  const Job job = take();
  for (const char* value : {"\"a\"", "\"b\"", "\"c\""}) {
    EXPECT_EQ(client().signal(job.id, "m", value, SignalMode::append), SignalStatus::stored);
  }
  EXPECT_EQ(client().signal(job.id, "m", "\"late\""), SignalStatus::existing);
  for (std::int64_t n = 0; n < 3; ++n) {
    const RecordAnswer answer = part.record_step(wait_of(job, "m", 1h, n), nullptr, clock().instant());
    EXPECT_EQ(answer.step.kind, StepKind::signal);
    EXPECT_EQ(answer.step.number, n);
  }
  ASSERT_EQ(part.record_step(wait_of(job, "m", 1h, 3), nullptr, clock().instant()).status, RecordStatus::recorded);
  client().snooze(job, 1h);
  EXPECT_EQ(client().signal(job.id, "m", "\"d\"", SignalMode::append), SignalStatus::stored);
  EXPECT_EQ(claim(1).size(), 1U) << "the fourth is what it waits for";
}

TEST_P(Steps, SignalsOfManyAreNumberedWithoutAGap) {
  SQLQ_NEEDS(steps);
  const JobId id = enqueue();
  std::vector<Database> handles;
  for (int i = 0; i < 4; ++i) handles.push_back(another());
  std::atomic<int> stored{0}, firsts{0};
  in_threads(4, [&](int me) {
    Client mine(handles[static_cast<std::size_t>(me)]);
    for (int i = 0; i < 10; ++i) {
      stored += mine.signal(id, "m", "1", SignalMode::append) == SignalStatus::stored ? 1 : 0;
    }
    firsts += mine.signal(id, "one", std::to_string(me)) == SignalStatus::stored ? 1 : 0;
  });
  EXPECT_EQ(stored, 40);
  EXPECT_EQ(firsts, 1);
  std::set<std::int64_t> numbers;
  for (const StepRecord& s : dialect().steps()->read_steps(id, nullptr)) {
    if (s.name == "m") numbers.insert(s.number);
  }
  ASSERT_EQ(numbers.size(), 40U);
  EXPECT_EQ(*numbers.rbegin(), 39);
}

TEST_P(Steps, FinishedJobsTakeNoSignals) {
  SQLQ_NEEDS(steps);
  const JobId id = enqueue();
  client().success(take());
  EXPECT_EQ(client().signal(id, "go", "1"), SignalStatus::finished);
  EXPECT_EQ(client().signal(JobId::make(clock().now()), "go", "1"), SignalStatus::not_found);
  EXPECT_TRUE(dialect().steps()->read_steps(id, nullptr).empty());
  const JobId cancelled = enqueue({.delay = 1h});
  client().cancel(cancelled);
  EXPECT_EQ(client().signal(cancelled, "go", "1"), SignalStatus::finished);
}

TEST_P(Steps, BadSignalsAreRefusedBeforeAnythingIsSent) {
  SQLQ_NEEDS(steps);
  const JobId id = enqueue();
  for (const std::string& name : {std::string(), std::string(256, 'x'), std::string("a\nb"), std::string("\xFF")}) {
    EXPECT_EQ(code_of([&] { return client().signal(id, name, "1"); }), "invalid_argument");
  }
  for (const std::string& value : {std::string("no json"), std::string(), json_of((std::size_t{1} << 20) + 1)}) {
    EXPECT_EQ(code_of([&] { return client().signal(id, "go", std::string_view(value)); }), "invalid_argument");
  }
  EXPECT_TRUE(dialect().steps()->read_steps(id, nullptr).empty());
  EXPECT_EQ(client().signal(id, std::string(255, 'x'), std::string_view(json_of(std::size_t{1} << 20))),
            SignalStatus::stored);
}

TEST_P(Steps, AWokenParentGoesOn) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue();
  Job parent = take();
  const JobId other = enqueue({.delay = 24h});
  ASSERT_EQ(part.record_step(step_of(parent, "parts", "[]", StepKind::children), nullptr, clock().instant()).status,
            RecordStatus::recorded);
  part.wake(std::vector{parent.id}, clock().instant());
  ASSERT_EQ(client().snooze(parent, 24h), FinishStatus::applied);
  parent = take();
  EXPECT_EQ(part.record_step(step_of(parent, "parts", "[]", StepKind::children), nullptr, clock().instant()).status,
            RecordStatus::existing)
      << "what was told before is taken back";
  ASSERT_EQ(client().snooze(parent, 24h), FinishStatus::applied);
  EXPECT_TRUE(claim(1).empty());
  part.wake(std::vector{other, JobId::make(clock().now()), parent.id, parent.id}, clock().instant());
  const std::vector<Job> woken = claim(5);
  ASSERT_EQ(ids_of(woken), std::vector{parent.id}) << "a job without children is not hurried";
}

TEST_P(Steps, ForgetStepsFromOneOn) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue();
  const Job job = take();
  for (const char* name : {"a", "b", "c", "d"}) {
    ASSERT_EQ(part.record_step(step_of(job, name), nullptr, clock().instant()).status, RecordStatus::recorded);
    if (std::string_view(name) == "b") client().signal(job.id, "s", "1");
  }
  const backend::Steps::From from{.kind = StepKind::result, .name = "c"};
  EXPECT_FALSE(part.forget_steps(job.id, from)) << "it is held";
  client().error(job, "no", {.discard = true});
  EXPECT_FALSE(part.forget_steps(job.id, backend::Steps::From{.kind = StepKind::sleep, .name = "c"}));
  EXPECT_EQ(part.read_steps(job.id, nullptr).size(), 5U);
  EXPECT_TRUE(part.forget_steps(job.id, from));
  EXPECT_EQ(in_words(part.read_steps(job.id, nullptr)), (Words{"result a 0 1", "result b 0 1", "signal s 0 1"}));
  EXPECT_TRUE(part.forget_steps(job.id, {}));
  EXPECT_EQ(in_words(part.read_steps(job.id, nullptr)), Words{"signal s 0 1"}) << "signals stay";
  EXPECT_FALSE(part.forget_steps(JobId::make(clock().now()), {}));
}

TEST_P(Steps, RestartFromAStep) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue();
  Job job = take();
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_EQ(part.record_step(step_of(job, name), nullptr, clock().instant()).status, RecordStatus::recorded);
  }
  EXPECT_EQ(admin().restart(job.id, "b"), RequeueStatus::not_finished);
  EXPECT_EQ(admin().steps(job.id).size(), 3U);
  client().error(job, "no", {.discard = true});
  EXPECT_EQ(code_of([&] { return admin().restart(job.id, "nope"); }), "invalid_argument");
  const auto unnamed = error_of([&] { return admin().restart(job.id, {.number = 3}); });
  ASSERT_TRUE(unnamed) << "a number without a step";
  EXPECT_EQ(unnamed->code(), Errc::invalid_argument);
  EXPECT_EQ(state(job.id), JobState::errored);
  EXPECT_EQ(admin().steps(job.id).size(), 3U);
  EXPECT_EQ(admin().restart(job.id, "b"), RequeueStatus::requeued);
  EXPECT_EQ(in_words(admin().steps(job.id)), Words{"result a 0 1"});
  job = take();
  client().success(job);
  EXPECT_EQ(admin().restart(job.id), RequeueStatus::requeued);
  EXPECT_TRUE(admin().steps(job.id).empty());
  EXPECT_EQ(admin().restart(JobId::make(clock().now())), RequeueStatus::not_found);
}

TEST_P(Steps, InTheUsersTransactionRecordAndEffectAreOne) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& connection) {
    backend::Steps& part = *dialect().steps();
    enqueue();
    const Job job = take();
    const auto effects = [&] { return connection.query_int("SELECT count(*) FROM user_rows"); };
    const std::int64_t before = effects();
    for (const bool keep : {false, true}) {
      connection.begin();
      const Tx tx = connection.tx();
      EXPECT_TRUE(part.read_steps(job.id, &tx).empty());
      connection.execute("INSERT INTO user_rows (n) VALUES (1)");
      EXPECT_EQ(part.record_step(step_of(job, "book"), &tx, clock().instant()).status, RecordStatus::recorded);
      EXPECT_EQ(part.read_steps(job.id, &tx).size(), 1U);
      const backend::Steps::From key{.name = "book"};
      EXPECT_TRUE(part.has_step(job.id, key, &tx));
      EXPECT_FALSE(part.has_step(job.id, key, nullptr));
      EXPECT_FALSE(part.has_step(job.id, {.name = "book", .number = 1}, &tx));
      EXPECT_FALSE(part.has_step(job.id, {.kind = StepKind::sleep, .name = "book"}, &tx));
      EXPECT_TRUE(part.read_steps(job.id, nullptr).empty()) << "not committed yet";
      keep ? connection.commit() : connection.rollback();
    }
    EXPECT_EQ(effects(), before + 1);
    EXPECT_EQ(part.read_steps(job.id, nullptr).size(), 1U);
    connection.begin();
    const Tx tx = connection.tx();
    EXPECT_EQ(part.record_step(step_of(job, "book", "2"), &tx, clock().instant()).status, RecordStatus::existing);
    Job lost = job;
    lost.lease_token.value += 1;
    EXPECT_EQ(part.record_step(step_of(lost, "more"), &tx, clock().instant()).status, RecordStatus::stale);
    connection.rollback();
    EXPECT_EQ(code_of([&] {
                const Tx none = connection.tx();
                return part.record_step(step_of(job, "none"), &none, clock().instant());
              }),
              "misuse");
    client().success(job);
  });
}

TEST_P(Steps, ASignalInTheUsersTransactionIsSentByItsCommit) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& connection) {
    backend::Steps& part = *dialect().steps();
    enqueue();
    const Job job = take();
    ASSERT_EQ(part.record_step(wait_of(job, "go"), nullptr, clock().instant()).status, RecordStatus::recorded);
    client().snooze(job, 24h);
    connection.begin();
    EXPECT_EQ(client().signal(connection.tx(), job.id, "go", "1"), SignalStatus::stored);
    connection.rollback();
    EXPECT_TRUE(claim(1).empty());
    connection.begin();
    EXPECT_EQ(client().signal(connection.tx(), job.id, "go", "1"), SignalStatus::stored);
    connection.commit();
    const std::vector<Job> woken = claim(1);
    ASSERT_EQ(ids_of(woken), std::vector{job.id});
    client().success(woken[0]);
  });
}

TEST_P(Steps, AnOpenTransactionWithAStepKeepsNobodyFromRenewing) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(borrowed_transactions);
  if (!capabilities().database_clock) return;  // where one writes at a time, an open transaction stops all
  backend::Steps& part = *dialect().steps();
  enqueue();
  enqueue();
  const std::vector<Job> jobs = claim(2);
  const auto connection = user();
  connection->begin();
  const Tx tx = connection->tx();
  ASSERT_EQ(part.record_step(step_of(jobs[0], "book"), &tx, clock().instant()).status, RecordStatus::recorded);
  EXPECT_EQ(client().ping(jobs), std::vector(2, LeaseStatus::renewed));
  EXPECT_EQ(part.record_step(step_of(jobs[0], "other"), nullptr, clock().instant()).status, RecordStatus::recorded);
  EXPECT_EQ(client().success(jobs[1]), FinishStatus::applied);
  connection->commit();
  EXPECT_EQ(part.read_steps(jobs[0].id, nullptr).size(), 2U);
}

}  // namespace sqlq::conformance
