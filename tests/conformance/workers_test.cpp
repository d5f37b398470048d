// Which workers are there: announced, listed, drained, withdrawn, expired. And what a worker does that is drained.

#include <atomic>
#include <limits>
#include <string>
#include <utility>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/version.hpp>
#include <sqlq/worker.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

WorkerInfo worker_named(std::string name, std::int64_t id = 1) {
  return {.name = std::move(name),
          .id = id,
          .host = "h\xC3\xB6st",
          .pid = 4711,
          .version = "0.0.7",
          .queues = {"a", "b c"},
          .kinds = {"k", "'; --", "\xE2\x82\xAC"},
          .concurrency = 16,
          .busy = 3};
}

/// By its contract; the time is the test's.
struct Registry {
  Registry(backend::Dialect& dialect, testing::ManualClock& clock) : part(*dialect.workers()), time(clock) {}

  bool announce(const WorkerInfo& worker, Duration running = 0s) {
    return part.announce_worker(worker, running, time.instant());
  }
  [[nodiscard]] std::vector<WorkerInfo> all(const WorkerInfo& after = {}, std::size_t limit = 100) {
    return part.list_workers(after.name, after.id, limit, time.instant());
  }
  [[nodiscard]] std::vector<std::string> names(const WorkerInfo& after = {}, std::size_t limit = 100) {
    std::vector<std::string> found;
    for (const WorkerInfo& w : all(after, limit)) found.push_back(w.name + " " + std::to_string(w.id));
    return found;
  }

  backend::Workers& part;
  testing::ManualClock& time;
};

using Listed = std::vector<std::string>;

Handlers work_handlers() {
  Handlers table;
  table.on("work", [](JobContext&) { return Outcome::done(); });
  return table;
}

}  // namespace

TEST_P(Workers, AreThereWhenTheyAreDeclared) {
  EXPECT_EQ(dialect().workers() != nullptr, capabilities().workers);
}

TEST_P(Workers, WithoutTheListAnOperatorIsToldWhy) {
  SQLQ_NEEDS_NO(workers);
  EXPECT_EQ(code_of([&] { return admin().workers(); }), "configuration");
  EXPECT_EQ(code_of([&] { return admin().drain("w"); }), "configuration");
}

TEST_P(Workers, WhatWasAnnouncedIsListed) {
  SQLQ_NEEDS(workers);
  Registry r(dialect(), clock());
  EXPECT_TRUE(r.all().empty());
  EXPECT_FALSE(r.announce(worker_named("w"), 7s));
  const auto all = r.all();
  ASSERT_EQ(all.size(), 1u);
  const WorkerInfo& w = all[0];
  EXPECT_EQ(w.name, "w");
  EXPECT_EQ(w.id, 1);
  EXPECT_EQ(w.host, "h\xC3\xB6st");
  EXPECT_EQ(w.pid, 4711);
  EXPECT_EQ(w.version, "0.0.7");
  EXPECT_EQ(w.queues, worker_named("w").queues);
  EXPECT_EQ(w.kinds, worker_named("w").kinds);
  EXPECT_EQ(w.concurrency, 16u);
  EXPECT_EQ(w.busy, 3u);
  EXPECT_EQ(w.started_at, clock().now() - 7s);
  EXPECT_EQ(w.seen_at, clock().now());
  EXPECT_FALSE(w.draining);
}

TEST_P(Workers, ManyAndLongNamesOfQueuesAndKinds) {
  SQLQ_NEEDS(workers);
  Registry r(dialect(), clock());
  WorkerInfo w = worker_named(std::string(255, 'w'), std::numeric_limits<std::int64_t>::max());
  w.queues = {};
  w.kinds = {};
  for (int i = 0; i < 500; ++i) w.kinds.push_back(std::to_string(i) + std::string(250, 'k'));
  r.announce(w);
  ASSERT_EQ(r.all().size(), 1u);
  EXPECT_EQ(r.all()[0].id, w.id);
  EXPECT_EQ(r.all()[0].kinds, w.kinds);
  EXPECT_TRUE(r.all()[0].queues.empty()) << "all of them";
}

TEST_P(Workers, AnAnnouncementRenewsTheRow) {
  SQLQ_NEEDS(workers);
  Registry r(dialect(), clock());
  WorkerInfo w = worker_named("w");
  r.announce(w);
  r.announce(w);  // at the same time: as a replay
  const TimePoint begin = clock().now();
  clock().advance(10s);
  w.busy = 5;
  r.announce(w, 10s);
  ASSERT_EQ(r.all().size(), 1u);
  EXPECT_EQ(r.all()[0].busy, 5u);
  EXPECT_EQ(r.all()[0].seen_at, begin + 10s);
  EXPECT_EQ(r.all()[0].started_at, begin);
}

TEST_P(Workers, WithdrawnIsGoneAndTheOthersStay) {
  SQLQ_NEEDS(workers);
  Registry r(dialect(), clock());
  for (const std::int64_t id : {1, 2}) r.announce(worker_named("w", id));
  r.announce(worker_named("W", 1));
  r.part.withdraw_worker("w", 1);
  r.part.withdraw_worker("w", 1);
  r.part.withdraw_worker("nobody", 1);
  EXPECT_EQ(r.names(), (Listed{"W 1", "w 2"}));
}

TEST_P(Workers, OneThatIsNotSeenExpires) {
  SQLQ_NEEDS(workers);
  Registry r(dialect(), clock());
  r.announce(worker_named("dead"));
  r.announce(worker_named("alive"));
  clock().advance(worker_expiry - 1us);
  EXPECT_EQ(r.names(), (Listed{"alive 1", "dead 1"}));
  EXPECT_EQ(r.part.expire_workers(100, clock().instant()), 0u);
  r.announce(worker_named("alive"));
  clock().advance(1us);
  EXPECT_EQ(r.names(), Listed{"alive 1"}) << "before anybody has deleted the row";
  EXPECT_FALSE(r.part.drain_workers("dead", true, clock().instant()));
  EXPECT_EQ(r.part.expire_workers(100, clock().instant()), 1u);
  EXPECT_EQ(r.part.expire_workers(100, clock().instant()), 0u);
  EXPECT_EQ(r.names(), Listed{"alive 1"});
}

TEST_P(Workers, ExpiryIsBounded) {
  SQLQ_NEEDS(workers);
  Registry r(dialect(), clock());
  for (std::int64_t id = 1; id <= 5; ++id) r.announce(worker_named("w", id));
  clock().advance(worker_expiry);
  EXPECT_EQ(r.part.expire_workers(3, clock().instant()), 3u);
  EXPECT_EQ(r.part.expire_workers(3, clock().instant()), 2u);
  EXPECT_EQ(r.part.expire_workers(3, clock().instant()), 0u);
}

TEST_P(Workers, OneThatWasAwayForLongIsListedAgainAsItWas) {
  SQLQ_NEEDS(workers);
  Registry r(dialect(), clock());
  WorkerInfo w = worker_named("w");
  r.announce(w);
  const TimePoint begin = clock().now();
  r.part.drain_workers("w", true, clock().instant());
  w.draining = r.announce(w);
  EXPECT_TRUE(w.draining);
  clock().advance(1h);
  r.part.expire_workers(100, clock().instant());
  EXPECT_TRUE(r.announce(w, 1h)) << "what it was told last holds";
  ASSERT_EQ(r.all().size(), 1u);
  EXPECT_EQ(r.all()[0].started_at, begin);
  EXPECT_TRUE(r.all()[0].draining);
}

TEST_P(Workers, PagesGoByNameAndIdByteByByte) {
  SQLQ_NEEDS(workers);
  Registry r(dialect(), clock());
  for (const char* name : {"b", "a ", "a", "B", "\xC3\xA4"}) {
    for (const std::int64_t id : {7, 3}) r.announce(worker_named(name, id));
  }
  const Listed all{"B 3", "B 7", "a 3", "a 7", "a  3", "a  7", "b 3", "b 7", "\xC3\xA4 3", "\xC3\xA4 7"};
  EXPECT_EQ(r.names(), all);
  Listed paged;
  WorkerInfo last;
  for (;;) {
    const std::vector<WorkerInfo> page = admin().workers(last, 3);
    for (const WorkerInfo& w : page) paged.push_back(w.name + " " + std::to_string(w.id));
    if (page.size() < 3) break;
    last = page.back();
  }
  EXPECT_EQ(paged, all);
}

TEST_P(Workers, DrainingIsForAllOfTheNameAndForNobodyElse) {
  SQLQ_NEEDS(workers);
  Registry r(dialect(), clock());
  for (const std::int64_t id : {1, 2}) r.announce(worker_named("w", id));
  r.announce(worker_named("W"));
  EXPECT_TRUE(admin().drain("w"));
  EXPECT_TRUE(admin().drain("w")) << "found, and so already";
  EXPECT_FALSE(admin().drain("x"));
  for (const WorkerInfo& w : admin().workers()) EXPECT_EQ(w.draining, w.name == "w");
  WorkerInfo one = worker_named("w", 1);
  EXPECT_TRUE(r.announce(one));
  one.draining = true;
  EXPECT_TRUE(r.announce(one));
  EXPECT_FALSE(r.announce(worker_named("W")));
  EXPECT_TRUE(admin().drain("w", false));
  EXPECT_FALSE(r.announce(one)) << "though it believes that it is";
  for (const WorkerInfo& w : admin().workers()) EXPECT_FALSE(w.draining);
}

TEST_P(Workers, AskedForNonsense) {
  SQLQ_NEEDS(workers);
  EXPECT_EQ(code_of([&] { return admin().workers({}, 0); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().workers({}, 10'001); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().workers({.name = "\t"}); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().drain(""); }), "invalid_argument");
}

TEST_P(Workers, ARunningWorkerIsListedAndGoesWhenItStops) {
  SQLQ_NEEDS(workers);
  use_system_clock();
  Worker worker(db(), work_handlers(), {.queues = {"q"}, .concurrency = 3, .name = "the one"});
  worker.start();
  ASSERT_TRUE(eventually([&] { return admin().workers().size() == 1; }));
  const WorkerInfo w = admin().workers()[0];
  EXPECT_EQ(w.name, "the one");
  EXPECT_GE(w.id, 1);
  EXPECT_FALSE(w.host.empty());
  EXPECT_GT(w.pid, 0);
  EXPECT_EQ(w.version, SQLQ_VERSION_STRING);
  EXPECT_EQ(w.queues, std::vector<std::string>{"q"});
  EXPECT_EQ(w.kinds, std::vector<std::string>{"work"});
  EXPECT_EQ(w.concurrency, 3u);
  worker.stop();
  EXPECT_TRUE(eventually([&] { return admin().workers().empty(); })) << "a stop need not wait for it";
}

TEST_P(Workers, ADrainedWorkerClaimsNothingUntilItIsLetGo) {
  SQLQ_NEEDS(workers);
  std::atomic<int> told{0};
  const auto on_event = [&](const WorkerEvent& event) {
    for (const IdleReason& reason : event.idle) told += reason.why == IdleReason::Why::draining ? 1 : 0;
  };
  Worker worker(db(), work_handlers(), {.on_event = on_event, .name = "w"});
  worker.start();
  const auto passes = [&](const std::function<bool()>& until) {
    return eventually([&] {
      clock().advance(1s);
      return until();
    });
  };
  ASSERT_TRUE(passes([&] { return admin().workers().size() == 1; }));
  ASSERT_TRUE(reaches(enqueue(), JobState::success));
  admin().drain("w");
  ASSERT_TRUE(passes([&] { return worker.stats().draining && told > 0; }));
  const JobId left = enqueue();
  const auto claimed = worker.stats().claimed;
  const TimePoint until = clock().now() + 60s;
  ASSERT_TRUE(passes([&] { return clock().now() >= until; }));
  EXPECT_EQ(state(left), JobState::pending);
  EXPECT_EQ(worker.stats().claimed, claimed);
  EXPECT_EQ(admin().workers().size(), 1u) << "it is there all the same";
  EXPECT_TRUE(admin().drain("w", false));
  ASSERT_TRUE(passes([&] { return state(left) == JobState::success; }));
  EXPECT_FALSE(worker.stats().draining);
}

}  // namespace sqlq::conformance
