// Signals that were wrong: replaced while the job lives, forgotten by a restart.

#include <atomic>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/json.hpp>
#include <sqlq/sqlq.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using backend::RecordAnswer, backend::RecordStatus;

/// "kind name number value", in the order given.
std::vector<std::string> rows_of(const std::vector<StepRecord>& steps) {
  std::vector<std::string> rows;
  for (const StepRecord& s : steps) {
    rows.push_back(std::string(to_string(s.kind)) + ' ' + s.name + ' ' + std::to_string(s.number) + ' ' + s.value);
  }
  return rows;
}
using Rows = std::vector<std::string>;

/// Records for a job that is held.
class Recorder {
 public:
  Recorder(backend::Steps& part, const testing::ManualClock& clock, Job job)
      : part_(part), clock_(clock), job_(std::move(job)) {}

  RecordAnswer step(std::string_view name) { return add(StepKind::result, name, 0, {}); }
  RecordAnswer wait(std::string_view name, std::int64_t number = 0) { return add(StepKind::wait, name, number, 24h); }

 private:
  RecordAnswer add(StepKind kind, std::string_view name, std::int64_t number, std::optional<Duration> delay) {
    return part_.record_step({.id = job_.id, .token = job_.lease_token, .kind = kind, .name = name, .number = number,
                              .value = kind == StepKind::result ? "1" : "", .delay = delay},
                             nullptr, clock_.instant());
  }
  backend::Steps& part_;
  const testing::ManualClock& clock_;
  const Job job_;
};

}  // namespace

TEST_P(Steps, AReplacedSignalHasTheNewValue) {
  SQLQ_NEEDS(steps);
  const JobId id = enqueue();
  EXPECT_EQ(client().signal(id, "go", "1", SignalMode::replace), SignalStatus::stored) << "there was none";
  EXPECT_EQ(client().signal(id, "other", "2"), SignalStatus::stored);
  clock().advance(1s);
  EXPECT_EQ(client().signal(id, "go", "{\"n\": 3}", SignalMode::replace), SignalStatus::replaced);
  const std::vector<StepRecord> steps = admin().steps(id);
  ASSERT_EQ(rows_of(steps), (Rows{"signal other 0 2", "signal go 0 {\"n\": 3}"})) << "now it came last";
  EXPECT_EQ(steps[1].at, clock().now());
  EXPECT_EQ(steps[1].claim, 0);
  EXPECT_EQ(client().signal(id, "go", "4"), SignalStatus::existing);
  EXPECT_EQ(client().signal(id, "go", "5", SignalMode::append), SignalStatus::stored);
  EXPECT_EQ(client().signal(id, "go", "6", SignalMode::replace), SignalStatus::replaced);
  EXPECT_EQ(rows_of(admin().steps(id)), (Rows{"signal other 0 2", "signal go 1 5", "signal go 0 6"}))
      << "the one of number 0";
  Recorder me(*dialect().steps(), clock(), take());
  EXPECT_EQ(me.wait("go").step.value, "6");
  EXPECT_EQ(me.wait("go", 1).step.value, "5");
}

TEST_P(Steps, AReplacementIsReadByWaitsThatComeLater) {
  SQLQ_NEEDS(steps);
  enqueue();
  const Job job = take();
  Recorder me(*dialect().steps(), clock(), job);
  ASSERT_EQ(client().signal(job.id, "go", "1"), SignalStatus::stored);
  EXPECT_EQ(me.wait("go").step.value, "1");
  EXPECT_EQ(client().signal(job.id, "go", "2", SignalMode::replace), SignalStatus::replaced);
  EXPECT_EQ(me.wait("go").step.value, "2");
}

TEST_P(Steps, AReplacementWakesAJobOnlyWhereItIsTheFirstSignal) {
  SQLQ_NEEDS(steps);
  enqueue();
  Job job = take();
  Recorder me(*dialect().steps(), clock(), job);
  ASSERT_EQ(me.wait("go").status, RecordStatus::recorded);
  client().snooze(job, 24h);
  EXPECT_EQ(client().signal(job.id, "go", "1", SignalMode::replace), SignalStatus::stored);
  job = take();
  client().error(job, "of the wrong shape", {.retry = RetryPolicy::constant(1h)});
  EXPECT_EQ(client().signal(job.id, "go", "2", SignalMode::replace), SignalStatus::replaced);
  EXPECT_TRUE(claim(1).empty()) << "its next attempt is due when it is due";
  EXPECT_EQ(admin().run_now(job.id), ActionStatus::done);
  job = take();
  Recorder again(*dialect().steps(), clock(), job);
  EXPECT_EQ(again.wait("go").step.value, "2");
  ASSERT_EQ(again.wait("next").status, RecordStatus::recorded);
  EXPECT_EQ(client().signal(job.id, "go", "3", SignalMode::replace), SignalStatus::replaced);
  client().snooze(job, 24h);
  EXPECT_TRUE(claim(1).empty()) << "it was told nothing";
  EXPECT_EQ(state(job.id), JobState::scheduled);
}

TEST_P(Steps, SignalsOfFinishedJobsAreNotReplaced) {
  SQLQ_NEEDS(steps);
  const JobId id = enqueue();
  ASSERT_EQ(client().signal(id, "go", "1"), SignalStatus::stored);
  client().success(take());
  EXPECT_EQ(client().signal(id, "go", "2", SignalMode::replace), SignalStatus::finished);
  EXPECT_EQ(rows_of(admin().steps(id)), Rows{"signal go 0 1"});
  EXPECT_EQ(client().signal(JobId::make(clock().now()), "go", "1", SignalMode::replace), SignalStatus::not_found);
}

TEST_P(Steps, AReplacementInTheUsersTransactionIsSentByItsCommit) {
  SQLQ_NEEDS(steps);
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& connection) {
    const JobId id = enqueue({.delay = 24h});
    ASSERT_EQ(client().signal(id, "go", "1"), SignalStatus::stored);
    for (const bool keep : {false, true}) {
      connection.begin();
      EXPECT_EQ(client().signal(connection.tx(), id, "go", "2", SignalMode::replace), SignalStatus::replaced);
      EXPECT_EQ(rows_of(admin().steps(id)), Rows{"signal go 0 1"}) << "not committed yet";
      keep ? connection.commit() : connection.rollback();
    }
    EXPECT_EQ(rows_of(admin().steps(id)), Rows{"signal go 0 2"});
  });
}

TEST_P(Steps, WaitsReadAReplacedSignalWhole) {
  SQLQ_NEEDS(steps);
  enqueue();
  const Job job = take();
  const auto value = [](int i) { return '"' + std::string(10'000, static_cast<char>('a' + i)) + '"'; };
  ASSERT_EQ(client().signal(job.id, "go", value(0)), SignalStatus::stored);
  std::vector<Database> handles;
  for (int i = 0; i < 4; ++i) handles.push_back(another());
  std::atomic<int> replaced{0}, halves{0};
  const auto is_whole = [](const std::string& text) {
    return text.size() == 10'002 && text.find_first_not_of(text[1], 1) == text.size() - 1;
  };
  in_threads(4, [&](int me) {
    const Database& mine = handles[static_cast<std::size_t>(me)];
    Recorder reader(*mine.dialect().steps(), clock(), job);
    for (int i = 0; i < 10; ++i) {
      if (me < 2) {
        const SignalStatus status = Client(mine).signal(job.id, "go", value(2 * i + me), SignalMode::replace);
        replaced += status == SignalStatus::replaced ? 1 : 0;
      } else {
        const RecordAnswer answer = reader.wait("go");
        halves += answer.step.kind == StepKind::signal && is_whole(answer.step.value) ? 0 : 1;
        for (const StepRecord& step : Admin(mine).steps(job.id)) {
          halves += step.kind != StepKind::signal || is_whole(step.value) ? 0 : 1;
        }
      }
    }
  });
  EXPECT_EQ(replaced, 20);
  EXPECT_EQ(halves, 0);
  EXPECT_EQ(admin().steps(job.id).size(), 2U) << "the signal and the wait";
}

TEST_P(Steps, AWaitWhoseSignalCameFirstIsRecordedWhereItWasReceived) {
  SQLQ_NEEDS(steps);
  enqueue();
  const Job job = take();
  ASSERT_EQ(client().signal(job.id, "go", "7"), SignalStatus::stored);
  Recorder me(*dialect().steps(), clock(), job);
  me.step("a");
  for (int i = 0; i < 2; ++i) {
    const RecordAnswer answer = me.wait("go");
    EXPECT_EQ(answer.status, RecordStatus::existing);
    EXPECT_EQ(answer.step.kind, StepKind::signal);
    EXPECT_EQ(answer.step.value, "7");
  }
  me.step("b");
  EXPECT_EQ(rows_of(admin().steps(job.id)), (Rows{"signal go 0 7", "result a 0 1", "wait go 0 ", "result b 0 1"}));
}

TEST_P(Steps, ForgetSignalsFromAStepOn) {
  SQLQ_NEEDS(steps);
  backend::Steps& part = *dialect().steps();
  enqueue();
  const Job job = take();
  Recorder me(part, clock(), job);
  for (const char* name : {"early", "before", "unheard"}) client().signal(job.id, name, "1");
  me.wait("before");
  me.step("a");
  me.wait("early");
  me.step("b");
  client().signal(job.id, "late", "1");
  client().signal(job.id, "early", "2", SignalMode::append);
  client().error(job, "no", {.discard = true});
  const Rows all = rows_of(admin().steps(job.id));
  EXPECT_FALSE(part.forget_steps(job.id, backend::Steps::From{.kind = StepKind::result, .name = "c"}, true));
  EXPECT_EQ(rows_of(admin().steps(job.id)), all);
  EXPECT_TRUE(part.forget_steps(job.id, backend::Steps::From{.kind = StepKind::wait, .name = "early"}, true));
  EXPECT_EQ(rows_of(admin().steps(job.id)),
            (Rows{"signal before 0 1", "signal unheard 0 1", "wait before 0 ", "result a 0 1"}))
      << "those that were received or came from there on";
  EXPECT_TRUE(part.forget_steps(job.id, {}, true));
  EXPECT_TRUE(admin().steps(job.id).empty());
}

TEST_P(Steps, ARestartForgetsSignalsWhenItIsAskedTo) {
  SQLQ_NEEDS(steps);
  enqueue();
  const Job job = take();
  ASSERT_EQ(client().signal(job.id, "go", "\"wrong\""), SignalStatus::stored);
  Recorder me(*dialect().steps(), clock(), job);
  me.step("charge");
  me.wait("go");
  EXPECT_EQ(admin().restart(job.id, {.from = "go", .forget_signals = true}), RequeueStatus::not_finished);
  client().error(job, "no number", {.discard = true});
  EXPECT_EQ(code_of([&] { return admin().restart(job.id, {.from = "nope", .forget_signals = true}); }),
            "invalid_argument");
  EXPECT_EQ(admin().steps(job.id).size(), 3U);
  EXPECT_EQ(admin().restart(job.id, {.from = "go"}), RequeueStatus::requeued);
  EXPECT_EQ(rows_of(admin().steps(job.id)), (Rows{"signal go 0 \"wrong\"", "result charge 0 1"})) << "signals stay";
  const Job again = take();
  Recorder(*dialect().steps(), clock(), again).wait("go");
  client().error(again, "no number", {.discard = true});
  EXPECT_EQ(admin().restart(job.id, {.from = "go", .forget_signals = true}), RequeueStatus::requeued);
  EXPECT_EQ(rows_of(admin().steps(job.id)), Rows{"result charge 0 1"});
  EXPECT_EQ(client().signal(job.id, "go", "1"), SignalStatus::stored) << "it may be sent again";
}

TEST_P(Workflow, AWrongSignalIsReplacedBeforeTheNextAttempt) {
  SQLQ_NEEDS(steps);
  std::atomic<int> charged{0};
  Handlers handlers;
  handlers.on("work", Handlers::Function([&](JobContext& job) {
                job.step("charge", [&] { ++charged; });
                job.set_result(job.wait<int>("go", 24h).value());
                return Outcome::done();
              }),
              {.retry = RetryPolicy::constant(1h)});
  const JobId id = enqueue();
  ASSERT_EQ(client().signal(id, "go", "\"seven\""), SignalStatus::stored);
  QuietWorker worker{db(), handlers};
  ASSERT_TRUE(eventually([&] { return state(id) == JobState::scheduled; }));
  EXPECT_EQ(client().signal(id, "go", "7", SignalMode::replace), SignalStatus::replaced);
  EXPECT_EQ(admin().run_now(id), ActionStatus::done);
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(row(id).result, "7");
  EXPECT_EQ(charged, 1);
}

TEST_P(Workflow, ARestartThatForgetsAWrongSignalWaitsForAnother) {
  SQLQ_NEEDS(steps);
  std::atomic<int> charged{0};
  Handlers handlers;
  handlers.on("work", Handlers::Function([&](JobContext& job) {
                job.step("charge", [&] { ++charged; });
                job.set_result(job.wait<int>("go", 24h).value());
                return Outcome::done();
              }),
              {.retry = RetryPolicy::constant(1h)});
  const JobId id = enqueue({.max_attempts = 1});
  ASSERT_EQ(client().signal(id, "go", "\"seven\""), SignalStatus::stored);
  QuietWorker worker{db(), handlers};
  ASSERT_TRUE(reaches(id, JobState::errored));
  ASSERT_EQ(admin().restart(id, {.from = "go", .forget_signals = true}), RequeueStatus::requeued);
  ASSERT_TRUE(eventually([&] { return state(id) == JobState::scheduled; }));
  EXPECT_EQ(client().signal(id, "go", "7"), SignalStatus::stored);
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(row(id).result, "7");
  EXPECT_EQ(charged, 1) << "what came before stays done";
}

}  // namespace sqlq::conformance
