// A worker that takes nothing says why, once a minute, so that a program can read it.

#include <gtest/gtest.h>

#include <algorithm>

#include <sqlq/admin.hpp>
#include <sqlq/testing/harness.hpp>

#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using Why = IdleReason::Why;

Handlers handlers() {
  Handlers table;
  table.on("work", [](JobContext&) { return Outcome::done(); });
  return table;
}

/// The services of a worker on a real database. It is idle from its second sweep on.
struct IdleWorker : ::testing::Test {
  explicit IdleWorker(WorkerOptions options = {}) : q("sqlite::memory:", handlers(), std::move(options)) {}

  void enqueue(EnqueueOptions options = {}, std::string kind = "work") {
    q.client().enqueue(NewJob{.kind = std::move(kind), .options = std::move(options)});
  }
  /// Two sweeps, a few seconds apart, with a look for work before each.
  std::vector<IdleReason> reasons() {
    for (int i = 0; i < 2; ++i) {
      q.work_due();
      q.sweep();
      q.advance(5s);
    }
    std::vector<IdleReason> all;
    for (const WorkerEvent& event : q.events()) {
      if (event.code != WorkerEvent::Code::idle) continue;
      level = event.level;
      message = event.message;
      all.insert(all.end(), event.idle.begin(), event.idle.end());
    }
    return all;
  }

  Harness q;
  WorkerEvent::Level level{};
  std::string message;
};

TEST_F(IdleWorker, WithoutJobsHasNothingToSay) { EXPECT_TRUE(reasons().empty()); }

TEST_F(IdleWorker, APausedQueue) {
  enqueue();
  q.admin().pause("default");
  const auto said = reasons();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].why, Why::paused);
  EXPECT_EQ(said[0].queue, "default");
  EXPECT_EQ(level, WorkerEvent::Level::warning);
  EXPECT_EQ(message, "jobs wait in queue 'default', which is paused");
}

TEST_F(IdleWorker, APausedQueueWithoutJobsIsNoReason) {
  q.admin().create_queue("default");
  q.admin().pause("default");
  EXPECT_TRUE(reasons().empty());
}

TEST_F(IdleWorker, ALimitThatAnotherWorkerUsesUp) {
  q.admin().create_queue("narrow", {.concurrency = 1});
  enqueue({.queue = "narrow"});
  enqueue({.queue = "narrow"});
  const auto held = q.client().claim_one("narrow");
  ASSERT_TRUE(held);
  q.advance(1s);
  const auto said = reasons();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].why, Why::limit_used);
  EXPECT_EQ(said[0].queue, "narrow");
  EXPECT_EQ(said[0].limit, 1U);
  EXPECT_EQ(said[0].worker, held->worker);
  EXPECT_EQ(said[0].at, held->started_at);
}

TEST_F(IdleWorker, ALimitOfZero) {
  q.admin().create_queue("shut", {.concurrency = 0});
  enqueue({.queue = "shut"});
  const auto said = reasons();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].why, Why::limit_used);
  EXPECT_EQ(said[0].limit, 0U);
  EXPECT_EQ(message, "jobs wait in queue 'shut', whose limit of 0 lets none run");
}

TEST_F(IdleWorker, KindsWithoutAHandler) {
  enqueue({}, "strange");
  const auto said = reasons();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].why, Why::no_handler);
  EXPECT_EQ(said[0].kind, "strange");
}

// Nobody claims them, so nobody makes them pending.
TEST_F(IdleWorker, KindsWithoutAHandlerThatHaveBecomeDue) {
  enqueue({.delay = 1h}, "strange");
  EXPECT_TRUE(std::ranges::none_of(reasons(), [](const IdleReason& r) { return r.why == Why::no_handler; }));
  q.advance(1h);
  ASSERT_EQ(q.admin().counts()[JobState::scheduled].value, 1U);
  const auto said = reasons();
  const auto last = std::ranges::find(said, Why::no_handler, &IdleReason::why);
  ASSERT_NE(last, said.end());
  EXPECT_EQ(last->queue, "default");
  EXPECT_EQ(last->kind, "strange");
}

TEST(Idleness, NoKindIsUnknownToAHandlerOfAll) {
  Handlers all;
  all.on_any([](JobContext&) { return Outcome::done(); });
  Harness q("sqlite::memory:", all);
  q.client().enqueue(NewJob{.kind = "strange"});
  q.admin().pause("default");
  for (int i = 0; i < 2; ++i) {
    q.work_due();
    q.sweep();
    q.advance(5s);
  }
  ASSERT_EQ(q.events().size(), 1U);
  ASSERT_EQ(q.events()[0].idle.size(), 1U);
  EXPECT_EQ(q.events()[0].idle[0].why, Why::paused);
  q.admin().resume("default");
  EXPECT_EQ(q.work_due(), 1U);
}

TEST_F(IdleWorker, AllJobsAreDueLater) {
  enqueue({.delay = 24h});
  const TimePoint due = q.clock().now() + 24h;
  const auto said = reasons();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].why, Why::due_later);
  EXPECT_EQ(said[0].at, due);
  EXPECT_EQ(level, WorkerEvent::Level::info) << "that is as it should be";
}

struct IdleWorkerOfMail : IdleWorker {
  IdleWorkerOfMail() : IdleWorker({.queues = {"Mail"}}) {}
};

TEST_F(IdleWorkerOfMail, AQueueNameInAnotherCase) {
  enqueue({.queue = "mail"});
  const auto said = reasons();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].why, Why::other_case);
  EXPECT_EQ(said[0].queue, "Mail");
  EXPECT_EQ(said[0].other, "mail");
}

TEST_F(IdleWorkerOfMail, OtherQueuesAreNotItsAffair) {
  enqueue({.queue = "letters"});
  q.admin().pause("letters");
  EXPECT_TRUE(reasons().empty());
}

TEST(Idleness, IsToldOnceAMinute) {
  Services s(1);
  s.database.waiting = {{"default", "work"}};
  s.database.known_queues = {{.name = "default", .paused = true}};
  for (int i = 0; i < 25; ++i) {  // 125 s
    s.runtime.maintenance.step();
    s.clock->advance(5s);
  }
  EXPECT_EQ(s.events.size(), 2U);
  EXPECT_EQ(s.database.looks_at_queues, 2);
}

TEST(Idleness, ABusyWorkerAsksNothingOfQueues) {
  Services s(1);
  s.database.waiting = {{"default", "work"}};
  s.database.known_queues = {{.name = "default", .paused = true}};
  for (int i = 0; i < 25; ++i) {
    s.database.add();
    s.work();
    s.runtime.maintenance.step();
    s.clock->advance(5s);
  }
  EXPECT_TRUE(s.events.empty());
  EXPECT_EQ(s.database.looks_at_queues, 0);
}

}  // namespace
}  // namespace sqlq::testing
