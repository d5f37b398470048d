// A queue's concurrency is over all workers, and whatever ends a lease frees a slot.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Limits, NoLimitUnlessOneIsSet) {
  for (int i = 0; i < 100; ++i) enqueue();
  EXPECT_EQ(claim(1000).size(), 100u);
}

TEST_P(Limits, OneBatchStopsAtTheLimit) {
  admin().create_queue("q", {.concurrency = 3});
  for (int i = 0; i < 10; ++i) enqueue({.queue = "q"});
  EXPECT_EQ(claim(10).size(), 3u);
  EXPECT_TRUE(claim(10).empty());
  EXPECT_TRUE(claim(10, {"q"}).empty());
  EXPECT_EQ(held("q"), 3u);
}

TEST_P(Limits, CountOverAllHandles) {
  admin().create_queue("q", {.concurrency = 2});
  for (int i = 0; i < 5; ++i) enqueue({.queue = "q"});
  Database second = another();
  EXPECT_EQ(claim(1, {"q"}).size(), 1u);
  EXPECT_EQ(Client{second}.claim(std::vector<std::string>{"q"}, {}, 5).size(), 1u);
  EXPECT_TRUE(claim(5, {"q"}).empty());
}

TEST_P(Limits, AFullQueueDoesNotHideTheOthers) {
  admin().create_queue("full", {.concurrency = 1, .priority = 0});
  for (int i = 0; i < 200; ++i) enqueue({.queue = "full", .priority = 0});
  enqueue({.queue = "other", .priority = 50});
  EXPECT_EQ(claim(10).size(), 2u);
}

TEST_P(Limits, EachQueueHasItsOwn) {
  admin().create_queue("a", {.concurrency = 1});
  admin().create_queue("b", {.concurrency = 2});
  for (int i = 0; i < 4; ++i) {
    enqueue({.queue = "a"});
    enqueue({.queue = "b"});
    enqueue({.queue = "c"});
  }
  EXPECT_EQ(claim(100).size(), 7u);
  EXPECT_EQ(held("a"), 1u);
  EXPECT_EQ(held("b"), 2u);
  EXPECT_EQ(held("c"), 4u);
}

TEST_P(Limits, KindsShareTheirQueuesLimit) {
  admin().create_queue("q", {.concurrency = 2});
  for (const char* kind : {"x", "y", "z"}) enqueue_kind(kind, {.queue = "q"});
  EXPECT_EQ(claim(1, {"q"}, {"x"}).size(), 1u);
  EXPECT_EQ(claim(5, {"q"}, {"y", "z"}).size(), 1u);
  EXPECT_TRUE(claim(5, {"q"}, {"z"}).empty());
}

TEST_P(Limits, ZeroMeansNone) {
  admin().create_queue("q", {.concurrency = 0});
  enqueue({.queue = "q"});
  EXPECT_TRUE(claim(10).empty());
  admin().set_concurrency("q", std::nullopt);
  EXPECT_EQ(claim(10).size(), 1u);
}

TEST_P(Limits, TheLargestLimitIsALimit) {
  admin().create_queue("q", {.concurrency = 4294967295u});
  enqueue({.queue = "q"});
  EXPECT_EQ(admin().queue("q")->concurrency, 4294967295u);
  EXPECT_EQ(claim(10).size(), 1u);
}

TEST_P(Limits, ALoweredLimitWaitsForRunningJobs) {
  for (int i = 0; i < 6; ++i) enqueue({.queue = "q"});
  const std::vector<Job> running = claim(4, {"q"});
  ASSERT_EQ(running.size(), 4u);
  admin().set_concurrency("q", 2);
  EXPECT_EQ(held("q"), 4u);
  for (const Job& job : running) {
    const bool room = held("q") < 2;
    EXPECT_EQ(claim(1, {"q"}).size(), room ? 1u : 0u);
    EXPECT_EQ(client().success(job), FinishStatus::applied);
  }
  EXPECT_LE(held("q"), 2u);
}

TEST_P(Limits, ACancellingJobStillHoldsItsSlot) {
  admin().create_queue("q", {.concurrency = 1});
  enqueue({.queue = "q"});
  enqueue({.queue = "q"});
  const Job job = take();
  EXPECT_EQ(client().cancel(job.id), CancelStatus::cancelling);
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(client().cancelled(job), FinishStatus::cancelled);
  EXPECT_EQ(claim(1).size(), 1u);
}

TEST_P(Limits, WhateverEndsALeaseFreesItsSlot) {
  const std::vector<std::pair<std::string, std::function<void(const Job&)>>> endings = {
      {"success", [&](const Job& job) { client().success(job); }},
      {"error", [&](const Job& job) { client().error(job, "no"); }},
      {"discard", [&](const Job& job) { client().error(job, "no", {.discard = true}); }},
      {"cancelled", [&](const Job& job) { client().cancelled(job); }},
      {"snooze", [&](const Job& job) { client().snooze(job, 1h); }},
      {"release", [&](const Job& job) { client().release(job); }},
      {"reap",
       [&](const Job& job) {
         clock().advance(job.keepalive + 1s);
         EXPECT_EQ(client().reap(std::vector<std::string>{job.queue}).total(), 1u);
       }},
  };
  for (const auto& [name, end] : endings) {
    admin().create_queue(name, {.concurrency = 1});
    enqueue({.queue = name});
    enqueue({.queue = name});
    const Job job = take({name});
    EXPECT_TRUE(claim(1, {name}).empty()) << name;
    end(job);
    EXPECT_EQ(held(name), 0u) << name;
    EXPECT_EQ(claim(10, {name}).size(), 1u) << name;
  }
}

}  // namespace sqlq::conformance
