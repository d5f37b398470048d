// How a worker stops.

#include <algorithm>
#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include <sqlq/stop_token.hpp>
#include <sqlq/worker.hpp>

#include "support/expect_error.hpp"
#include "worker/worker_fixture.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

TEST_F(WorkerTest, RunWorksUntilTheTokenIsTripped) {
  sqlq::stop_source stop;
  const JobId id = database.add();
  Worker worker(base.db, handle([&](JobContext&) {
                  stop.request_stop();
                  return Outcome::done();
                }),
                quiet());
  EXPECT_EQ(worker.run(stop.get_token()).claimed, 1U);
  EXPECT_NE(database.job(id).state, JobState::running);
  EXPECT_FALSE(database.subscribed());
}

TEST_F(WorkerTest, RunEndsWhenSomebodyElseStopsTheWorker) {
  std::latch ran(1);
  database.add();
  Worker worker(base.db, handle([&](JobContext&) {
                  ran.count_down();
                  return Outcome::done();
                }),
                quiet());
  sqlq::jthread other([&] {
    ran.wait();
    worker.stop(1h);
  });
  EXPECT_EQ(worker.run({}).succeeded, 1U);
}

TEST_F(WorkerTest, JobsInterruptedByStopAreReleasedWithTheirAttempt) {
  std::latch running(2);
  const JobId a = database.add();
  const JobId b = database.add();
  WorkerOptions options = quiet(2);
  options.grace = 1h;
  Worker worker(base.db, handle([&](JobContext& job) -> Outcome {
                  running.count_down();
                  wait_for_stop(job);
                  EXPECT_EQ(job.stop_reason(), StopReason::shutdown);
                  throw std::runtime_error("interrupted");
                }),
                options);
  worker.start();
  running.wait();
  const WorkerStats stats = worker.stop(0s);
  EXPECT_EQ(stats.released, 2U);
  EXPECT_EQ(stats.abandoned, 0U);
  for (const JobId id : {a, b}) {
    EXPECT_EQ(database.job(id).state, JobState::pending);
    EXPECT_EQ(database.job(id).attempt, 0);
  }
}

TEST_F(WorkerInTime, RunningJobsMayFinishDuringTheDrain) {
  std::latch running(1);
  std::promise<void> go_on;
  std::atomic<bool> interrupted{false};
  database.add();
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  go_on.get_future().wait();
                  interrupted = job.stop_token().stop_requested();
                  return Outcome::done();
                }),
                quiet());
  worker.start();
  running.wait();
  sqlq::jthread stopping([&] { EXPECT_EQ(worker.stop(20s).succeeded, 1U); });
  clock->advance(19s);
  go_on.set_value();
  stopping.join();
  EXPECT_FALSE(interrupted);
}

TEST_F(WorkerInTime, AfterTheDrainTheTokensAreTripped) {
  std::latch running(1);
  std::atomic<bool> told{false};
  const JobId id = database.add([](Job& job) { job.keepalive = 1h; });
  WorkerOptions options = quiet();
  options.grace = 1h;
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  wait_for_stop(job);
                  told = true;
                  return Outcome::error(std::string(to_string(job.stop_reason())));
                }),
                options);
  worker.start();
  running.wait();
  sqlq::jthread stopping([&] { EXPECT_EQ(worker.stop({.limit = 2h, .drain = 30s}).released, 1U); });
  advance_until(told);
  stopping.join();
  EXPECT_EQ(database.messages.back(), "shutdown");
  EXPECT_EQ(database.job(id).state, JobState::pending);
}

TEST_F(WorkerTest, AHandlerThatIgnoresItsTokenIsAbandoned) {
  std::latch running(1);
  std::latch end(1);
  std::latch gone(1);
  const JobId id = database.add();
  std::vector<std::string> events;
  {
    WorkerOptions options = quiet();
    options.on_event = [&](const WorkerEvent& event) { events.push_back(event.message); };
    const std::shared_ptr<void> last(nullptr, [&](void*) { gone.count_down(); });
    Worker worker(base.db, handle([&, last](JobContext&) {
                    running.count_down();
                    end.wait();
                    return Outcome::done();
                  }),
                  options);
    worker.start();
    running.wait();
    const WorkerStats stats = worker.stop(0s);
    EXPECT_EQ(stats.abandoned, 1U);
    EXPECT_EQ(stats.released, 1U);
    EXPECT_EQ(events.back(), "the handler ignored its stop token and is left behind");
  }
  EXPECT_EQ(database.job(id).state, JobState::pending);
  end.count_down();
  gone.wait();
  EXPECT_EQ(database.job(id).state, JobState::pending) << "what it said later is dropped";
  EXPECT_EQ(database.finishes.size(), 1U);
}

// Its limit is 2 s, though grace alone is 5 s.
TEST_F(WorkerInTime, AStopHasOneLimit) {
  std::atomic<bool> running{false}, told{false};
  const auto end = std::make_shared<std::latch>(1);  // of the thread, too, that is left behind
  database.add([](Job& job) { job.keepalive = 1h; });
  WorkerOptions options = quiet();
  options.grace = 5s;
  Worker worker(base.db, handle([&, end](JobContext& job) {
                  running = true;
                  wait_for_stop(job);
                  told = true;
                  end->wait();  // deaf from here on
                  return Outcome::done();
                }),
                options);
  worker.start();
  advance_until(running, 0ms);
  sqlq::jthread stopping([&] { EXPECT_EQ(worker.stop(2s).abandoned, 1U); });
  advance_until(told);
  clock->advance(2s);  // and no more: a stop that needs longer never returns
  stopping.join();
  end->count_down();
}

TEST_F(WorkerInTime, AStopWithoutDrainTripsTheTokensAtOnce) {
  std::latch running(1);
  database.add();
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  wait_for_stop(job);
                  return Outcome::error("interrupted");
                }),
                quiet());
  worker.start();
  running.wait();
  EXPECT_EQ(worker.stop({.limit = 1h, .drain = 0s}).released, 1U) << "no time has passed";
}

TEST_F(WorkerInTime, ASecondStopHastensTheFirst) {
  std::latch running(1);
  database.add();
  WorkerOptions options = quiet();
  options.grace = 1h;
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  wait_for_stop(job);
                  return Outcome::error("interrupted");
                }),
                options);
  worker.start();
  running.wait();
  sqlq::jthread patient([&] { EXPECT_EQ(worker.stop({.limit = 2h, .drain = 2h}).released, 1U); });
  EXPECT_EQ(worker.stop({.limit = 1h, .drain = 0s}).released, 1U) << "no time has passed";
}

TEST_F(WorkerTest, AStopRefusesNegativeTimes) {
  Worker worker(base.db, handle(do_nothing), quiet());
  error_of(Errc::invalid_argument, [&] { worker.stop(-1s); });
  error_of(Errc::invalid_argument, [&] { worker.stop({.drain = -1s}); });
}

// Every call to the database waits for an answer that does not come.
TEST_F(WorkerInTime, AStopReturnsThoughTheNetworkIsSilent) {
  std::latch answer(1);
  std::atomic<bool> asked{false}, stopped{false};
  const JobId id = database.add();
  database.during_claim = [&] {
    asked = true;
    answer.wait();
  };
  {
    WorkerOptions options = quiet();
    options.grace = 5s;
    Worker worker(base.db, handle(do_nothing), options);
    worker.start();
    advance_until(asked, 0ms);
    sqlq::jthread stopping([&] {
      EXPECT_EQ(worker.stop(2s).claimed, 0U);
      stopped = true;
    });
    advance_until(stopped);
  }
  answer.count_down();
  const auto given_back = [&] { return database.job(id).claims == 1 && database.job(id).state == JobState::pending; };
  while (!given_back()) std::this_thread::yield();
  EXPECT_EQ(database.job(id).attempt, 0) << "what the claim brought so late went back";
}

TEST_F(WorkerTest, StopReturnsThoughTheDatabaseIsAway) {
  std::latch running(1);
  std::promise<void> away;
  std::vector<std::string> events;
  database.add();
  WorkerOptions options = quiet();
  options.on_event = [&](const WorkerEvent& event) { events.push_back(event.message); };
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  away.get_future().wait();
                  job.log().info("written to nobody");
                  return Outcome::done();
                }),
                options);
  worker.start();
  running.wait();
  database.away = true;
  away.set_value();
  const WorkerStats stats = worker.stop(1h);
  EXPECT_EQ(stats.succeeded, 0U);
  // Each service tells its own end; between the two any of them may still report the failure it met before.
  EXPECT_EQ(std::count(events.begin(), events.end(),
                       "stopped without writing 1 outcomes; their jobs come back when their leases end"),
            1);
  EXPECT_EQ(std::count(events.begin(), events.end(), "stopped without writing all log lines: the database is away"), 1);
}

TEST_F(WorkerTest, StopWritesOutcomesAndLogs) {
  std::latch running(1);
  database.add();
  Worker worker(base.db, handle([&](JobContext& job) {
                  job.log().info("one");
                  running.count_down();
                  return Outcome::done();
                }),
                quiet());
  worker.start();
  running.wait();
  EXPECT_EQ(worker.stop(1h).succeeded, 1U);
  EXPECT_EQ(database.logs.size(), 1U);
}

}  // namespace
}  // namespace sqlq::testing
