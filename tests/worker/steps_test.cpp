// Steps, sleeps and decisions of one job, and what ends an execution of it.

#include <stdexcept>

#include <gtest/gtest.h>

#include "worker/services.hpp"
#include "worker/workflow.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

struct Steps : WorkflowTest {
  PlayedWorker* looked_at = nullptr;
  int calls_so_far() { return looked_at->watch.of_steps(); }
};

struct Receipt {
  int number = 0;
  std::string shop{};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Receipt, number, shop)
};

TEST_F(Steps, ARecordedStepIsNotRunAgain) {
  int paid = 0;
  std::vector<int> seen;
  PlayedWorker w = worker([&](JobContext& job) {
    const Receipt receipt = job.step("pay", [&] { return Receipt{++paid, "corner"}; });
    job.step("tell", [] {});
    seen.push_back(receipt.number);
    if (job.attempt() < 3) throw std::runtime_error("no answer");
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 3U);
  EXPECT_EQ(paid, 1);
  EXPECT_EQ(seen, (std::vector<int>{1, 1, 1}));
  EXPECT_EQ(find(id).state, JobState::success);
  const auto steps = w.admin().steps(id);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].name, "pay");
  EXPECT_EQ(steps[0].kind, StepKind::result);
  EXPECT_EQ(steps[0].claim, 1);
  EXPECT_EQ(nlohmann::json::parse(steps[0].value), nlohmann::json(Receipt{1, "corner"}));
  EXPECT_EQ(steps[1].value, "null");
}

TEST_F(Steps, AStepWhoseBodyThrowsIsNotRecordedAndMayBeTriedAgain) {
  int tries = 0;
  PlayedWorker w = worker([&](JobContext& job) {
    for (;;) {
      try {
        return job.step("call", [&] {
          if (++tries < 3) throw std::runtime_error("busy");
        });
      } catch (const std::runtime_error&) {
      }
    }
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(Steps, TheFirstExecutionReadsNothingAndEachLaterOneOnce) {
  PlayedWorker w = worker([](JobContext& job) {
    job.step("a", [] {});
    job.step("b", [] { return 2; });
    if (job.attempt() < 3) throw std::runtime_error("again");
  });
  start();
  w.work();
  EXPECT_EQ(w.watch.calls["read_steps"], 2);
  EXPECT_EQ(w.watch.calls["record_step"], 2);
}

TEST_F(Steps, APlainHandlerAsksNothingOfThatPart) {
  PlayedWorker w{storage, clock, [] {
                   Handlers handlers;
                   handlers.on("plain", [](JobContext& job) -> Outcome {
                     if (job.job().claims == 1) return Outcome::snooze(0s);
                     if (job.job().claims == 2) throw std::runtime_error("no");
                     if (job.job().claims == 3) return Outcome::error("no");
                     return Outcome::done();
                   }, {.retry = RetryPolicy::constant(0s)});
                   return handlers;
                 }()};
  for (int i = 0; i < 3; ++i) client.enqueue(NewJob{"plain", "null"});
  EXPECT_EQ(w.work(), 12U);
  EXPECT_EQ(w.watch.of_steps(), 0);
}

TEST_F(Steps, LoopsNumberTheirSteps) {
  int ran = 0;
  PlayedWorker w = worker([&](JobContext& job) {
    int sum = 0;
    for (int i = 0; i < 5; ++i) sum += job.step("row", i, [&] { return ++ran; });
    EXPECT_EQ(sum, 15);
    if (job.attempt() == 1) throw std::runtime_error("again");
  });
  start();
  EXPECT_EQ(w.work(), 2U);
  EXPECT_EQ(ran, 5);
}

TEST_F(Steps, TheSameNameAndNumberTwiceInOneExecutionIsMisuse) {
  int ran = 0;
  PlayedWorker w = worker([&](JobContext& job) {
    job.step("a", [&] { ++ran; });
    expect_error(Errc::misuse, "'a'", [&] { job.step("a", [&] { ++ran; }); });
    if (job.attempt() == 1) {
      expect_error(Errc::misuse, "one after the other", [&] { job.step("n", 2, [&] { job.step("n", 2, [] {}); }); });
    }
    job.sleep("a", 0s);  // of another kind
    expect_error(Errc::misuse, "sleep", [&] { job.sleep("a", 1s); });
    EXPECT_EQ(job.wait<int>("a", 0s), std::nullopt);
    expect_error(Errc::misuse, "wait", [&] { (void)job.wait<int>("a", 0s); });
    if (job.attempt() == 1) throw std::runtime_error("again");
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 2U);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(find(id).state, JobState::success) << last_message(id);
}

TEST_F(Steps, NamesAndTimesAreChecked) {
  PlayedWorker w = worker([&](JobContext& job) {
    expect_error(Errc::invalid_argument, "name of a step", [&] { job.step("", [] {}); });
    expect_error(Errc::invalid_argument, "control character", [&] { job.sleep("a\nb", 1s); });
    expect_error(Errc::invalid_argument, "255", [&] { (void)job.since(std::string(256, 'x')); });
    expect_error(Errc::invalid_argument, "ten years", [&] { job.sleep("long", std::chrono::days(4000)); });
    expect_error(Errc::invalid_argument, "ten years", [&] { (void)job.wait<int>("long", Duration::max()); });
  });
  const JobId id = start();
  w.work();
  EXPECT_EQ(find(id).state, JobState::success) << last_message(id);
}

TEST_F(Steps, AValueThatIsTooLargeEndsTheJobForItsEffectIsDone) {
  int ran = 0;
  PlayedWorker w = worker([&](JobContext& job) {
    (void)job.step("big", [&] {
      ++ran;
      return std::string(std::size_t{1} << 20, 'x');
    });
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(find(id).state, JobState::errored);
  EXPECT_TRUE(has(last_message(id), "1048578 bytes; at most 1048576")) << last_message(id);
  EXPECT_TRUE(w.admin().steps(id).empty());
}

TEST_F(Steps, ASleepGivesTheSlotBackAndChargesNoAttempt) {
  int before = 0;
  int after = 0;
  bool unwound = false;
  struct Guard {
    bool& gone;
    ~Guard() { gone = true; }
  };
  PlayedWorker w = worker([&](JobContext& job) {
    const Guard guard{unwound};
    job.step("before", [&] { ++before; });
    job.sleep("cool-off", 24h);
    ++after;
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 1U);
  EXPECT_TRUE(unwound);
  EXPECT_EQ(find(id).state, JobState::scheduled);
  EXPECT_EQ(find(id).run_at, clock->now() + 24h);
  EXPECT_EQ(find(id).attempt, 0);
  EXPECT_EQ(w.runtime().shared.slots.free(), 1U);
  clock->advance(24h - 1us);
  EXPECT_EQ(w.work(), 0U);
  clock->advance(1us);
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(find(id).state, JobState::success);
  EXPECT_EQ(find(id).attempt, 1);
  EXPECT_EQ(before, 1);
  EXPECT_EQ(after, 1);
}

TEST_F(Steps, AJobThatComesBackEarlySleepsOnUntilTheSameMoment) {
  PlayedWorker w = worker([](JobContext& job) {
    if (job.job().claims == 1) return job.sleep("nap", 1h);
    job.sleep("nap", 5h);  // the length of the first call counts
  });
  const JobId id = start();
  const TimePoint until = clock->now() + 1h;
  w.work();
  for (const Duration early : {Duration(59min), Duration(1min - 1us)}) {
    clock->advance(early);
    w.admin().run_now(id);
    EXPECT_EQ(w.work(), 1U);
    EXPECT_EQ(find(id).state, JobState::scheduled);
    EXPECT_EQ(find(id).run_at, until);
  }
  clock->advance(1us);
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(find(id).state, JobState::success);
  EXPECT_EQ(w.watch.calls["record_step"], 1);
}

TEST_F(Steps, TimeThatAHandlerTakesCountsForItsSleep) {
  PlayedWorker w = worker([&](JobContext& job) {
    if (job.job().claims == 2) clock->advance(20s);  // comes 10 s early, and takes 20 s to get there
    job.sleep("nap", 1min);
  });
  const JobId id = start();
  w.work();
  clock->advance(50s);
  w.admin().run_now(id);
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(Steps, ZeroOrLessDoesNotSleep) {
  PlayedWorker w = worker([](JobContext& job) {
    job.sleep("none", 0s);
    job.sleep("less", -1h);
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 1U);
  EXPECT_EQ(find(id).state, JobState::success);
  EXPECT_EQ(w.watch.of_steps(), 0);
}

TEST_F(Steps, ASwallowedSuspensionFailsTheAttemptAndSaysSo) {
  int ran = 0;
  PlayedWorker w = worker([&](JobContext& job) {
    try {
      job.sleep("nap", 1h);
    } catch (...) {  // as code does that wants to log everything
    }
    if (job.attempt() == 1) return;
    if (job.attempt() == 2) throw std::runtime_error("something else");
    EXPECT_THROW(job.step("after", [&] { ++ran; }), Suspension);
    if (job.attempt() == 3) throw Discard("it is over");
    job.step("after", [&] { ++ran; });
  });
  const JobId id = start();
  w.work();
  const auto history = w.admin().history(id);
  ASSERT_GE(history.size(), 4U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(history[static_cast<std::size_t>(i)].cause, Cause::failed);
    EXPECT_TRUE(has(history[static_cast<std::size_t>(i)].message, "swallowed the Suspension"));
  }
  EXPECT_TRUE(has(history[1].message, "something else"));
  EXPECT_EQ(history[3].cause, Cause::snoozed) << "thrown once more by the next step and let through";
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(find(id).state, JobState::scheduled);
}

TEST_F(Steps, ASuspensionOfTheHandlersOwnIsAFailure) {
  PlayedWorker w = worker([](JobContext& job) {
    if (job.attempt() == 1) throw Suspension(TimePoint{});
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 2U);
  EXPECT_TRUE(has(last_message(id), "Suspension"));
}

TEST_F(Steps, SinceIsTrueFromTheStartAndFalseForJobsUnderWay) {
  std::vector<bool> said;
  bool deployed = false;
  PlayedWorker w = worker([&](JobContext& job) {
    const bool asks = deployed;
    if (asks) said.push_back(job.since("new-rule"));
    job.step("a", [] {});
    if (asks) {
      EXPECT_EQ(job.since("new-rule"), said.back()) << "asked again it says the same";
    }
    if (job.attempt() % 2 == 1) throw std::runtime_error("again");
  });
  start();
  deployed = true;
  w.work();
  EXPECT_EQ(said, (std::vector<bool>{true, true})) << "decided in the first execution";
  said.clear();
  deployed = false;
  const JobId old = start();
  w.watch.after = [&](const std::string&) { deployed = true; };
  w.work();
  EXPECT_EQ(said, (std::vector<bool>{false})) << "it had a step before it asked";
  EXPECT_EQ(find(old).state, JobState::success);
}

TEST_F(Steps, ALostLeaseRecordsNothingAndGoesOnElsewhere) {
  int ran = 0;
  PlayedWorker w = worker([&](JobContext& job) {
    job.step("a", [&] {
      if (++ran == 1) take_back();
    });
    EXPECT_NE(job.job().claims, 1) << "it went on without its lease";
  });
  const JobId id = start();
  EXPECT_EQ(w.work(), 2U);
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(find(id).state, JobState::success);
  EXPECT_EQ(w.admin().steps(id).at(0).claim, 2);
}

TEST_F(Steps, ALostLeaseIsSaidAsSuch) {
  PlayedWorker w = worker([&](JobContext& job) {
    if (job.job().claims > 1) return;
    take_back();
    expect_error(Errc::lease_lost, "lease is lost", [&] { job.step("a", [] {}); });
    EXPECT_EQ(job.stop_reason(), StopReason::lease_lost);
    const int calls = calls_so_far();
    expect_error(Errc::lease_lost, "lease is lost", [&] { job.step("b", [] { ADD_FAILURE(); }); });
    EXPECT_EQ(calls_so_far(), calls) << "it is known by now";
  });
  looked_at = &w;
  start();
  EXPECT_EQ(w.work(), 2U);
}

TEST_F(Steps, CancelWhileItSleepsEndsItAtOnceAndWhileItRunsAtTheSuspension) {
  bool cancel = false;
  PlayedWorker w = worker([&](JobContext& job) {
    if (cancel) client.cancel(job.id());
    job.sleep("nap", 1h);
    ADD_FAILURE() << "it was cancelled";
  });
  const JobId sleeping = start();
  w.work();
  EXPECT_EQ(client.cancel(sleeping), CancelStatus::cancelled);
  cancel = true;
  const JobId running = start();
  w.work();
  EXPECT_EQ(find(running).state, JobState::cancelled);
  clock->advance(1h);
  EXPECT_EQ(w.work(), 0U);
}

TEST_F(Steps, AfterCompleteInThereIsNoStep) {
  PlayedWorker w = worker([&](JobContext& job) {
    MemoryConnection mine(storage);
    mine.begin();
    ASSERT_TRUE(job.complete_in(mine.tx()));
    expect_error(Errc::misuse, "complete_in", [&] { job.step("a", [] {}); });
    expect_error(Errc::misuse, "complete_in", [&] { job.sleep("b", 1h); });
    mine.commit();
  });
  const JobId id = start();
  w.work();
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(Steps, GoAtASuccessWhereTheyAreNotToBeKept) {
  PlayedWorker w = worker([](JobContext& job) {
    job.step("a", [] {});
    if (job.attempt() == 1) throw std::runtime_error("again");
  }, {.keep_steps = false});
  const JobId id = start();
  EXPECT_EQ(w.work(), 2U);
  EXPECT_TRUE(w.admin().steps(id).empty());
  EXPECT_EQ(w.watch.calls["forget_steps"], 1);
}

TEST(StepsNowhere, ABackendWithoutThatPartIsNamedAsTheReason) {
  const auto refused = [](auto call) { expect_error(Errc::configuration, "capability `steps`", call); };
  Services s(1, [&](JobContext& job) {
    refused([&] { job.step("a", [] { ADD_FAILURE() << "its effect could not be recorded"; }); });
    refused([&] { job.sleep("a", 1h); });
    refused([&] { (void)job.wait<int>("a", 1h); });
    refused([&] { (void)job.all("a", std::vector<NewJob>{{"child"}}); });
    refused([&] { (void)job.since("a"); });
    return Outcome::done();
  });
  const JobId id = s.database.add();
  s.work();
  EXPECT_EQ(s.database.job(id).state, JobState::success);
  refused([&] { Client(s.base.db).signal(id, "a", 1); });
  refused([&] { (void)Admin(s.base.db).steps(id); });
  refused([&] { (void)Admin(s.base.db).restart(id); });
}

}  // namespace
}  // namespace sqlq::testing
