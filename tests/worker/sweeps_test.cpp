// What a worker does at each sweep, by services that do not wait for one another: it takes back jobs whose lease ended,
// deletes those past their retention, says that it lives and why it takes nothing.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <sqlq/backend/forwarding.hpp>
#include <sqlq/client.hpp>
#include <sqlq/schedule.hpp>
#include <sqlq/testing/memory_storage.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/worker.hpp>

#include "worker/service_loop.hpp"
#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

TEST(Reaper, ReturnsJobsWhoseLeaseEndedAndLooksForWorkAgain) {
  Services s;
  const JobId id = s.database.add();
  s.claim_one();
  s.clock->advance(31s);
  s.runtime.fetcher.wait_until(s.clock->steady());
  const SteadyPoint next = s.runtime.reaper.step();
  EXPECT_EQ(s.database.job(id).state, JobState::pending);
  EXPECT_TRUE(s.runtime.fetcher.wait_until(s.clock->steady()));
  EXPECT_GE(next, s.in(4s));
  EXPECT_LE(next, s.in(5s));
  EXPECT_EQ(s.database.purges, 0) << "another service's";
}

TEST(Reaper, TellsOnceAMinuteOfAJobThatCannotBeTakenBack) {
  Services s;
  s.database.refuses_reap = {s.database.add()};
  s.runtime.reaper.step();
  s.runtime.reaper.step();
  ASSERT_EQ(s.events.size(), 1U);
  EXPECT_EQ(s.events[0].code, WorkerEvent::Code::outcome_refused);
  EXPECT_EQ(s.events[0].job, s.database.refuses_reap[0]);
  s.clock->advance(1min);
  s.runtime.reaper.step();
  EXPECT_EQ(s.events.size(), 2U);
}

TEST(Reaper, AfterAFailureItLooksAgainWithinASweep) {
  Services s(4, {}, {.sweep = 2s});
  s.database.broken = {"reap"};
  worker::Turns turns(s.runtime.reaper, *s.clock, s.runtime.shared.events, 1);
  for (int i = 0; i < 20; ++i) {
    const auto next = turns.take();
    EXPECT_TRUE(next.backing_off);
    EXPECT_LE(next.at, s.in(2s));
  }
  EXPECT_TRUE(s.reported("reap is broken; tries again in"));
}

TEST(Retention, PurgesAtEverySweepWhileThereIsSomethingElseAtEachTwelfth) {
  Services s;
  s.database.purgeable = 1;
  SteadyPoint next = s.runtime.retention.step();
  EXPECT_GE(next, s.in(5s));
  EXPECT_LE(next, s.in(6s));
  next = s.runtime.retention.step();
  EXPECT_GE(next, s.in(60s));
  EXPECT_LE(next, s.in(72s));
  s.database.kept = {JobId{}};
  EXPECT_LE(s.runtime.retention.step(), s.in(6s)) << "what is kept may have been in the way of others";
  s.database.purgeable = 1000;
  EXPECT_EQ(s.runtime.retention.step(), SteadyPoint::min());
  EXPECT_EQ(s.database.purges, 4);
}

/// A call of this name waits for somebody's lock until it is let go.
class Waiting final : public backend::ForwardingDialect {
 public:
  /// `gone`: counted down at the end.
  Waiting(std::unique_ptr<Dialect> dialect, std::string call, std::latch& gone)
      : ForwardingDialect(std::move(dialect)), call_(std::move(call)), gone_(gone) {}
  ~Waiting() override { gone_.count_down(); }
  std::atomic<bool> waits{false};
  std::latch let_go{1};

 protected:
  Dialect& target(const char* operation) override {
    if (operation == call_) {
      waits = true;
      let_go.wait();
    }
    return inner();
  }

 private:
  const std::string call_;
  std::latch& gone_;
};

class LockedCall : public ::testing::TestWithParam<const char*> {
 protected:
  /// A breath between the steps: without it the stepping thread starves those that it wakes.
  void advance_until(const std::function<bool()>& done) {
    const auto real = system_clock();
    const auto breath = real->make_signal();
    while (!done()) {
      clock->advance(100ms);
      breath->wait_until(real->steady() + 200us);
    }
  }
  const std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  const MemoryStorage storage;
  const Database db{storage.connect(clock), {.clock = clock}};
};

// The jobs of the dead, claims, outcomes, heartbeats, schedules and a stop do not wait for it.
TEST_P(LockedCall, DelaysNothingElse) {
  db.migrate();
  Client client(db);
  const JobId dead = client.enqueue(NewJob{.kind = "work"}).id;
  ASSERT_EQ(client.claim().at(0).id, dead);  // its holder will not be heard of again
  std::latch gone{1};
  auto made = std::make_unique<Waiting>(storage.connect(clock), GetParam(), gone);
  Waiting& dialect = *made;
  std::optional<Database> mine(std::in_place, std::move(made), DatabaseOptions{.clock = clock});
  std::atomic<int> ran{0}, ticks{0}, failed{0};
  Handlers handlers;
  handlers.on("work", [&](JobContext& job) {
    const auto renewed = [&] { return client.find(job.id())->heartbeat_at != job.job().heartbeat_at; };
    while (!renewed() && !job.stop_token().stop_requested()) std::this_thread::yield();
    ++ran;
    return Outcome::done();
  });
  handlers.on("tick", [&](JobContext&) {
    ++ticks;
    return Outcome::done();
  });
  std::optional<Worker> worker(std::in_place, *mine, handlers,
                               WorkerOptions{.concurrency = 2, .on_event = [&](const WorkerEvent& event) {
                                               if (event.level != WorkerEvent::Level::info) ++failed;
                                             }});
  worker->start();
  advance_until([&] { return dialect.waits.load(); });
  Schedules(db).sync({{.name = "s", .rule = "@every 10s", .job = NewJob{.kind = "tick"}}});
  const JobId late = client.enqueue(NewJob{.kind = "work"}).id;
  advance_until([&] { return ran == 2 && ticks >= 2; });
  for (const JobId id : {dead, late}) {
    advance_until([&] { return client.find(id)->state == JobState::success; });
    EXPECT_EQ(client.find(id)->crashes, id == dead ? 1 : 0);
  }
  std::atomic<bool> stopped{false};
  const sqlq::jthread stopper([&] {
    worker->stop({.limit = 1h});
    stopped = true;
  });
  const SteadyPoint asked = clock->steady();
  advance_until([&] { return stopped.load(); });
  EXPECT_LT(clock->steady() - asked, 30min) << "it is left behind";
  EXPECT_EQ(failed, 0);
  dialect.let_go.count_down();
  worker.reset();
  mine.reset();
  gone.wait();
}

INSTANTIATE_TEST_SUITE_P(Of, LockedCall, ::testing::Values("purge", "waiting_kinds", "announce_worker"));

// Somebody may have kept everybody from renewing until a moment ago.
TEST(Maintenance, SaysOfLostLeasesThatTheWorkerLives) {
  Services s;
  const JobId id = s.database.add();
  s.fetch_and_run();
  const Job job = s.database.job(id);
  s.database.steal(id);
  s.runtime.completer.step();
  ASSERT_EQ(s.stats().lost, 1U);
  EXPECT_TRUE(s.database.outlived.empty()) << "outcomes do not wait for it: somebody may have locked the job";
  EXPECT_FALSE(s.runtime.follow_ups.may_end());
  EXPECT_TRUE(s.runtime.follow_ups.wait_until(s.clock->steady())) << "at once";
  s.runtime.follow_ups.step();
  EXPECT_TRUE(s.runtime.follow_ups.may_end());
  ASSERT_EQ(s.database.outlived.size(), 1U);
  EXPECT_EQ(s.database.outlived[0].id, id);
  EXPECT_EQ(s.database.outlived[0].claim, job.claims);
  EXPECT_EQ(s.database.outlived[0].worker, job.worker);
  EXPECT_TRUE(s.reported("1 leases that were lost count as outages"));
  s.runtime.maintenance.step();
  EXPECT_EQ(s.database.outlived.size(), 1U) << "once";
}

TEST(Maintenance, SaysSoWhileTheHandlerStillRunsAndAsksUntilTheLeaseHasEnded) {
  Services s;
  const JobId id = s.database.add();
  const worker::HeldPtr lease = s.claim_one();
  s.runtime.shared.lose(lease);
  s.runtime.maintenance.step();
  s.runtime.maintenance.step();
  EXPECT_EQ(s.database.outlived.size(), 2U) << "nobody has taken it back yet";
  s.database.steal(id);
  s.runtime.maintenance.step();
  EXPECT_TRUE(lease->outage_known());
  s.runtime.maintenance.step();
  EXPECT_EQ(s.database.outlived.size(), 3U);
}

TEST(Maintenance, AnOutageThatTheDatabaseRefusesKeepsNoOtherBack) {
  Services s(8);
  std::vector<JobId> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(s.database.add());
  s.fetch_and_run();
  for (const JobId id : ids) s.database.steal(id);
  s.database.refuses_outage = ids[3];
  s.runtime.completer.step();
  s.runtime.follow_ups.step();
  EXPECT_EQ(s.database.outlived.size(), 7U) << "innocents harmed: 0";
  EXPECT_TRUE(s.reported("refused to take back a crash"));
  s.runtime.maintenance.step();
  EXPECT_EQ(s.database.outlived.size(), 7U) << "and is not asked for again";
}

TEST(Maintenance, WhereNothingIsKnownOfOutagesCrashesStay) {
  Services s;
  s.database.knows_outages = false;
  const JobId id = s.database.add();
  s.fetch_and_run();
  s.database.steal(id);
  s.runtime.completer.step();
  s.runtime.follow_ups.step();
  s.runtime.maintenance.step();
  EXPECT_EQ(s.stats().lost, 1U);
  EXPECT_TRUE(s.database.outlived.empty());
  EXPECT_FALSE(s.reported("outage"));
}

TEST(Maintenance, AsksAgainWhenTheDatabaseWasAwayAndGivesUpInTheEnd) {
  Services s;
  const JobId id = s.database.add();
  s.fetch_and_run();
  s.database.steal(id);
  s.database.broken = {"take_back_crashes"};
  s.runtime.completer.step();
  s.runtime.follow_ups.step();
  EXPECT_EQ(s.stats().lost, 1U);
  s.runtime.maintenance.step();
  EXPECT_TRUE(s.reported("taking back crashes that were none failed"));
  s.database.broken = {};
  s.runtime.maintenance.step();
  EXPECT_EQ(s.database.outlived.size(), 1U);
  const JobId other = s.database.add();
  s.runtime.shared.outlived.add(s.claim_one(), s.clock->steady());
  s.clock->advance(6min);
  s.runtime.maintenance.step();
  EXPECT_EQ(s.database.outlived.size(), 1U) << "its line is not there, and will not come";
  static_cast<void>(other);
}

TEST(Maintenance, OneTasksFailureDoesNotSkipTheOther) {
  Services s;
  s.database.add();
  s.runtime.shared.lose(s.claim_one());
  s.database.broken = {"take_back_crashes", "waiting_kinds"};
  s.runtime.maintenance.step();
  EXPECT_TRUE(s.reported("taking back crashes that were none failed: take_back_crashes is broken"));
  EXPECT_TRUE(s.reported("looking why nothing is taken failed"));
}

TEST(Maintenance, ReportsKindsNobodyHereHandlesEveryMinute) {
  Services s(1, {}, {.queues = {"default"}});
  s.database.waiting = {{"default", "work"}, {"default", "strange"}, {"other", "not ours"}};
  s.runtime.maintenance.step();
  ASSERT_EQ(s.events.size(), 1U);
  EXPECT_TRUE(s.reported("jobs of kind 'strange' wait in queue 'default', and this worker has no handler for them"));
  s.clock->advance(59s);
  s.runtime.maintenance.step();
  EXPECT_EQ(s.events.size(), 1U);
  s.clock->advance(1s);
  s.runtime.maintenance.step();
  EXPECT_EQ(s.events.size(), 2U);
}

}  // namespace
}  // namespace sqlq::testing
