// Signals: early, late, at the deadline; and what an operator does to the steps of a job.

#include <stdexcept>

#include <gtest/gtest.h>

#include "worker/workflow.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

struct Approval {
  bool yes = false;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Approval, yes)
};

/// A job that waits a week for an approval; `answers` are those of all its executions that came so far.
struct Waits : WorkflowTest {
  PlayedWorker waiter(bool fails_once = false) {
    return worker([this, fails_once](JobContext& job) {
      const auto approval = job.wait<Approval>("approved", std::chrono::days(7));
      answers.push_back(!approval ? "none" : approval->yes ? "yes" : "no");
      if (fails_once && job.attempt() == 1) throw std::runtime_error("again");
    });
  }
  SignalStatus approve(JobId id, bool yes = true) { return client.signal(id, "approved", Approval{yes}); }
  std::vector<std::string> answers{};
};

using Answers = std::vector<std::string>;

TEST_F(Waits, ASignalWakesTheJobAtOnce) {
  PlayedWorker w = waiter(true);
  const JobId id = start();
  w.work();
  EXPECT_EQ(find(id).state, JobState::scheduled);
  EXPECT_EQ(find(id).run_at, clock->now() + std::chrono::days(7));
  EXPECT_EQ(find(id).attempt, 0);
  EXPECT_EQ(approve(id), SignalStatus::stored);
  EXPECT_EQ(w.work(), 2U);
  EXPECT_EQ(answers, (Answers{"yes", "yes"})) << "a later attempt gets the same answer";
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(Waits, ASignalOfAnotherShapeIsNamed) {
  PlayedWorker w = waiter();
  const JobId id = start();
  EXPECT_EQ(client.signal(id, "approved", std::string_view("[1]")), SignalStatus::stored);
  w.work();
  const auto history = w.admin().history(id);
  ASSERT_EQ(find(id).state, JobState::errored);
  ASSERT_FALSE(history.empty());
  const std::string& said = history[0].message;
  EXPECT_TRUE(has(said, "the signal 'approved': the stored JSON has another shape")) << said;
}

TEST_F(Waits, ASignalThatComesBeforeAnybodyWaitsIsThere) {
  PlayedWorker w = waiter();
  const JobId id = start();
  EXPECT_EQ(approve(id), SignalStatus::stored);
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(answers, Answers{"yes"});
}

TEST_F(Waits, OneThatComesWhileTheExecutionRunsIsNotSleptThrough) {
  PlayedWorker w = waiter();
  const JobId id = start();
  w.watch.after = [&](const std::string& operation) {  // the wait is recorded, and the job not given back yet
    if (operation == "record_step" && w.watch.calls["record_step"] == 1) approve(id);
  };
  EXPECT_EQ(w.work(), 2U);
  EXPECT_EQ(answers, Answers{"yes"});
}

TEST_F(Waits, TheFirstOneWins) {
  PlayedWorker w = waiter();
  const JobId id = start();
  EXPECT_EQ(approve(id, false), SignalStatus::stored);
  EXPECT_EQ(approve(id, true), SignalStatus::existing);
  w.work();
  EXPECT_EQ(answers, Answers{"no"});
  EXPECT_EQ(approve(id), SignalStatus::finished);
  EXPECT_EQ(approve(JobId::make(clock->now())), SignalStatus::not_found);
}

TEST_F(Waits, WithoutOneItIsEmptyAfterTheTimeAndStaysSo) {
  PlayedWorker w = waiter(true);
  const JobId id = start();
  w.work();
  clock->advance(std::chrono::days(7) - 1us);
  EXPECT_EQ(w.work(), 0U);
  clock->advance(1us);
  w.watch.after = [&](const std::string& operation) {  // the end is recorded: now it is too late
    if (operation == "record_step") { EXPECT_EQ(approve(id), SignalStatus::stored); }
  };
  EXPECT_EQ(w.work(), 2U);
  EXPECT_EQ(answers, (Answers{"none", "none"}));
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(Waits, OneThatComesAtTheDeadlineBeforeTheEndIsRecordedIsReceived) {
  PlayedWorker w = waiter();
  const JobId id = start();
  w.work();
  clock->advance(std::chrono::days(7));
  w.watch.before = [&](const std::string& operation) {
    if (operation == "record_step") { EXPECT_EQ(approve(id), SignalStatus::stored); }
  };
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(answers, Answers{"yes"});
}

TEST_F(Waits, AJobThatIsWokenForNothingWaitsOnUntilTheSameMoment) {
  PlayedWorker w = waiter();
  const JobId id = start();
  const TimePoint until = clock->now() + std::chrono::days(7);
  w.work();
  clock->advance(24h);
  w.admin().run_now(id);
  EXPECT_EQ(client.signal(id, "another", Approval{true}), SignalStatus::stored);
  w.work();
  EXPECT_EQ(find(id).state, JobState::scheduled);
  EXPECT_EQ(find(id).run_at, until);
  EXPECT_TRUE(answers.empty());
}

TEST_F(Waits, APollDoesNotSuspendAndItsAnswerIsRecorded) {
  std::vector<bool> got;
  PlayedWorker w = worker([&](JobContext& job) {
    got.push_back(job.wait<Approval>("approved", 0s).has_value());
    if (job.attempt() == 1) {
      approve(job.id());
      throw std::runtime_error("again");
    }
    got.push_back(job.wait<Approval>({"approved", 1}, -1s).has_value());
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 2U);
  EXPECT_EQ(got, (std::vector<bool>{false, false, false}));
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(Waits, AppendedSignalsAreTakenByNumber) {
  std::vector<int> got;
  PlayedWorker w = worker([&](JobContext& job) {
    for (int i = 0;; ++i) {
      const auto item = job.wait<int>({"item", i}, 1h);
      if (!item) return;
      job.step("take", i, [&] { got.push_back(*item); });
    }
  });
  const JobId id = start();
  client.signal(id, "item", 10, SignalMode::append);
  w.work();
  client.signal(id, "item", 20, SignalMode::append);
  client.signal(id, "item", 30, SignalMode::append);
  w.work();
  clock->advance(1h);
  w.work();
  EXPECT_EQ(got, (std::vector<int>{10, 20, 30}));
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(Waits, ASignalInATransactionIsSentByItsCommit) {
  PlayedWorker w = waiter();
  const JobId id = start();
  w.work();
  MemoryConnection mine(storage);
  mine.begin();
  EXPECT_EQ(client.signal(mine.tx(), id, "approved", Approval{true}), SignalStatus::stored);
  EXPECT_EQ(w.work(), 0U);
  mine.commit();
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(answers, Answers{"yes"});
}

TEST_F(Waits, ASleeperThatGetsASignalForLaterSleepsOn) {
  PlayedWorker w = worker([&](JobContext& job) {
    job.sleep("nap", 24h);
    answers.push_back(job.wait<Approval>("approved", 1h) ? "yes" : "none");
  });
  const JobId id = start();
  approve(id);
  w.work();
  EXPECT_EQ(find(id).state, JobState::scheduled);
  EXPECT_EQ(find(id).run_at, clock->now() + 24h);
  clock->advance(24h);
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(answers, Answers{"yes"});
}

TEST_F(Waits, SignalsAreCheckedBeforeAnythingIsSent) {
  const JobId id = start();
  expect_error(Errc::invalid_argument, "signal's name", [&] { client.signal(id, "", Approval{}); });
  expect_error(Errc::invalid_argument, "signal's value", [&] { client.signal(id, "a", std::string_view("{")); });
  const std::string large = '"' + std::string(std::size_t{1} << 20, 'x') + '"';
  expect_error(Errc::invalid_argument, "signal's value", [&] { client.signal(id, "a", std::string_view(large)); });
  EXPECT_TRUE(Admin(db).steps(id).empty());
}

TEST_F(Waits, RestartForgetsFromAStepOnAndKeepsSignals) {
  std::string ran;
  PlayedWorker w = worker([&](JobContext& job) {
    job.step("charge", [&] { ran += 'c'; });
    answers.push_back(job.wait<Approval>("approved", 1h) ? "yes" : "none");
    job.step("row", 0, [&] { ran += '0'; });
    job.step("row", 1, [&] { ran += '1'; });
    job.step("ship", [&] { ran += 's'; });
  });
  const JobId id = start();
  EXPECT_EQ(w.admin().restart(id), RequeueStatus::not_finished);
  EXPECT_EQ(w.admin().restart(JobId::make(clock->now())), RequeueStatus::not_found);
  approve(id);
  w.work();
  EXPECT_EQ(std::exchange(ran, {}), "c01s");
  EXPECT_EQ(w.admin().requeue(id), RequeueStatus::requeued);
  w.work();
  EXPECT_EQ(std::exchange(ran, {}), "") << "what was done stays done";
  expect_error(Errc::invalid_argument, "named 'shop'", [&] { w.admin().restart(id, "shop"); });
  expect_error(Errc::invalid_argument, "named 'row' number 2", [&] { w.admin().restart(id, "row", 2); });
  expect_error(Errc::invalid_argument, "name the step", [&] { w.admin().restart(id, {.number = 1}); });
  EXPECT_EQ(find(id).state, JobState::success);
  EXPECT_EQ(w.admin().restart(id, "row", 1), RequeueStatus::requeued);
  w.work();
  EXPECT_EQ(std::exchange(ran, {}), "1s");
  EXPECT_EQ(w.admin().restart(id), RequeueStatus::requeued);
  w.work();
  EXPECT_EQ(std::exchange(ran, {}), "c01s");
  EXPECT_EQ(answers, (Answers{"yes", "yes", "yes", "yes"}));
}

TEST_F(Waits, SinceSeesAWaitWhoseSignalCameFirst) {
  for (const bool read_at_the_start : {false, true}) {
    bool deployed = false;
    std::vector<bool> said;
    PlayedWorker w = worker([&](JobContext& job) {
      if (read_at_the_start && job.job().claims == 1) throw std::runtime_error("before the wait");
      if (deployed) said.push_back(job.since("new-rule"));
      static_cast<void>(job.wait<Approval>("approved", 1h));
      job.sleep("nap", 1h);
    });
    const JobId id = start();
    approve(id);
    w.work();
    EXPECT_EQ(find(id).state, JobState::scheduled);
    deployed = true;
    clock->advance(1h);
    w.work();
    EXPECT_EQ(find(id).state, JobState::success);
    EXPECT_EQ(said, std::vector<bool>{false}) << "it went past this point the old way";
  }
}

TEST_F(Waits, AReplacedSignalIsWhatLaterExecutionsRead) {
  PlayedWorker w = waiter(true);
  const JobId id = start();
  approve(id, false);
  w.watch.after = [&](const std::string& operation) {  // this execution has read the old one
    if (operation == "record_step" && w.watch.calls["record_step"] == 1) {
      EXPECT_EQ(client.signal(id, "approved", Approval{true}, SignalMode::replace), SignalStatus::replaced);
    }
  };
  EXPECT_EQ(w.work(), 2U);
  EXPECT_EQ(answers, (Answers{"no", "yes"}));
}

TEST_F(Waits, ARestartThatIsADuplicateForgetsNothing) {
  PlayedWorker w = worker([](JobContext& job) { job.step("a", [] {}); });
  const NewJob keyed{"flow", "null", {.unique_key = "key"}};
  const JobId id = client.enqueue(keyed).id;
  w.work();
  client.enqueue(keyed);
  EXPECT_EQ(w.admin().restart(id), RequeueStatus::duplicate);
  EXPECT_EQ(w.admin().steps(id).size(), 1U);
}

}  // namespace
}  // namespace sqlq::testing
