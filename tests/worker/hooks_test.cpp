// Hooks around work, and those around what handlers enqueue.

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/trace.hpp>

#include "support/expect_error.hpp"
#include "worker/workflow.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

struct HooksTest : WorkflowTest {
  Lines lines{};

  WorkHook says(std::string name) {
    return [this, name](JobContext&, Next& next) {
      lines.push_back(name + " begins");
      Outcome outcome = next();
      lines.push_back(name + " ends");
      return outcome;
    };
  }
  /// Runs one job of kind "flow" with this hook around a handler that does nothing.
  Job run(WorkHook hook, Handler handler = [](JobContext&) {}) {
    Handlers handlers = table(std::move(handler));
    handlers.around(std::move(hook));
    PlayedWorker played(storage, clock, handlers);
    const JobId id = start();
    played.work();
    return find(id);
  }
};

TEST_F(HooksTest, AreCalledFromTheOutsideToTheInside) {
  Handlers handlers;
  handlers.around(says("first"));
  handlers.on("flow", [this](JobContext&) { lines.emplace_back("flow"); });
  handlers.on_any([this](JobContext&) { lines.emplace_back("any"); });
  handlers.around(says("second"));
  PlayedWorker played(storage, clock, handlers);
  start();
  played.work();
  EXPECT_EQ(lines, (Lines{"first begins", "second begins", "flow", "second ends", "first ends"}));
  lines.clear();
  client.enqueue(NewJob{"unheard-of", "null"});
  played.work();
  EXPECT_EQ(lines, (Lines{"first begins", "second begins", "any", "second ends", "first ends"}));
}

TEST_F(HooksTest, ThatThrowCountAsTheHandler) {
  const Job job = run([](JobContext&, Next& next) {
    static_cast<void>(next());
    return discard("the hook says no");
  });
  EXPECT_EQ(job.state, JobState::errored);
  EXPECT_EQ(last_message(job.id), "the hook says no");

  const Job thrown = run([](JobContext&, Next&) -> Outcome { throw Discard("thrown by the hook"); });
  EXPECT_EQ(thrown.state, JobState::errored);
  EXPECT_EQ(last_message(thrown.id), "thrown by the hook");
}

TEST_F(HooksTest, SeeWhatTheHandlerThrowsAndMayAnswerForIt) {
  const Job job = run(
      [](JobContext&, Next& next) {
        try {
          return next();
        } catch (const std::invalid_argument& e) {
          return discard(std::string("invalid: ") + e.what());
        }
      },
      [](JobContext&) { throw std::invalid_argument("a letter"); });
  EXPECT_EQ(job.state, JobState::errored);
  EXPECT_EQ(last_message(job.id), "invalid: a letter");
}

TEST_F(HooksTest, MayLeaveTheHandlerOut) {
  const Job job = run([](JobContext&, Next&) { return Outcome::snooze(1h); },
                      [this](JobContext&) { lines.emplace_back("run"); });
  EXPECT_EQ(job.state, JobState::scheduled);
  EXPECT_EQ(lines, Lines{});
}

TEST_F(HooksTest, CallTheHandlerOnceAtMost) {
  const Job job = run(
      [](JobContext& context, Next& next) {
        static_cast<void>(next());
        expect_error(Errc::misuse, "twice", [&] { static_cast<void>(next()); });
        context.set_result(R"("once")");
        return Outcome::done();
      },
      [this](JobContext&) { lines.emplace_back("run"); });
  EXPECT_EQ(job.state, JobState::success);
  EXPECT_EQ(job.result, R"("once")");
  EXPECT_EQ(lines, Lines{"run"});
}

TEST_F(HooksTest, LetASuspensionThrough) {
  const Handler sleeps = [this](JobContext& job) {
    job.sleep("night", 8h);
    lines.emplace_back("awake");
  };
  const Job job = run(
      [](JobContext&, Next& next) {
        try {
          return next();
        } catch (const std::exception&) {
          return discard("a suspension is no std::exception");
        }
      },
      sleeps);
  EXPECT_EQ(job.state, JobState::scheduled);
  PlayedWorker later(storage, clock, table(sleeps));
  clock->advance(8h);
  later.work();
  EXPECT_EQ(find(job.id).state, JobState::success);
  EXPECT_EQ(lines, Lines{"awake"});
}

TEST_F(HooksTest, ThatSwallowASuspensionFailTheAttempt) {
  Handlers handlers = table([](JobContext& job) { job.sleep("night", 8h); });
  handlers.around([](JobContext&, Next& next) {
    try {
      return next();
    } catch (...) {
      return Outcome::done();
    }
  });
  PlayedWorker played(storage, clock, handlers);
  const JobId id = client.enqueue(NewJob{.kind = "flow", .options = {.max_attempts = 1}}).id;
  played.work();
  EXPECT_EQ(find(id).state, JobState::errored);
  EXPECT_NE(last_message(id).find("throw it on"), std::string::npos) << last_message(id);
}

TEST_F(HooksTest, AreRefusedEmptyAndAfterTheStart) {
  Handlers handlers = table([](JobContext&) {});
  expect_error(Errc::invalid_argument, "empty", [&] { static_cast<void>(handlers.around({})); });
  handlers.freeze();
  expect_error(Errc::misuse, "started", [&] { static_cast<void>(handlers.around(says("late"))); });
}

TEST_F(HooksTest, KeepTraceIsForTheHandlersThreadAndTime) {
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  Handlers handlers = table([&](JobContext&) { lines.push_back(current_trace().traceparent); });
  handlers.around(keep_trace);
  PlayedWorker played(storage, clock, handlers);
  client.enqueue(NewJob{.kind = "flow", .options = {.headers = {{"traceparent", parent}}}});
  client.enqueue(NewJob{.kind = "flow", .options = {.headers = {{"traceparent", "00-nonsense"}}}});
  client.enqueue(NewJob{.kind = "flow"});
  played.work();
  EXPECT_EQ(lines, (Lines{parent, "", ""}));
  EXPECT_EQ(current_trace().traceparent, "");
}

}  // namespace
}  // namespace sqlq::testing
