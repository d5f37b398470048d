#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <latch>
#include <mutex>

#include <gtest/gtest.h>

#include <sqlq/sqlq.hpp>

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

struct Square {
  static constexpr std::string_view kind = "square";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Square, n)
};

/// Workers with threads on a real database. `poll` is an hour: whatever happens here happens because of a wake-up.
struct WorkerOnDatabase : ::testing::Test {
  WorkerOnDatabase() { db.migrate(); }

  [[nodiscard]] static WorkerOptions options(unsigned concurrency) {
    return {.concurrency = concurrency, .poll = 1h, .on_event = [](const WorkerEvent&) {}};
  }

  Database db = open("sqlite::memory:");
  Client client{db};
};

TEST_F(WorkerOnDatabase, RunsEveryJobOnceAndStoresItsResult) {
  constexpr int jobs = 300;
  std::latch done(jobs);
  Handlers handlers;
  handlers.on<Square>([&](const Square& m, JobContext& job) {
    job.set_result(std::to_string(m.n * m.n));
    job.log().info("squared");
    done.count_down();
  });
  Worker worker(db, handlers, options(4));
  worker.start();
  std::vector<Square> args;
  for (int i = 0; i < jobs; ++i) args.push_back({i});
  const std::vector<Enqueued> ids = client.enqueue_many(std::span<const Square>(args));
  done.wait();
  EXPECT_EQ(worker.stop().succeeded, 300U);
  for (int i = 0; i < jobs; i += 50) {
    const auto job = client.find(ids[static_cast<std::size_t>(i)].id);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->state, JobState::success);
    EXPECT_EQ(job->result, std::to_string(i * i));
    EXPECT_EQ(Admin(db).logs(job->id).size(), 1U);
  }
}

TEST_F(WorkerOnDatabase, ALimitedQueueDrainsWithoutPolling) {
  Admin(db).create_queue("narrow", {.concurrency = 1});
  std::latch done(20);
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  Handlers handlers;
  handlers.on<Square>([&](const Square&) {
    most = std::max(most.load(), ++running);
    --running;
    done.count_down();
  });
  for (int i = 0; i < 20; ++i) client.enqueue(Square{i}, {.queue = "narrow"});
  Worker worker(db, handlers, options(4));
  worker.start();
  done.wait();
  EXPECT_EQ(worker.stop().succeeded, 20U);
  EXPECT_EQ(most, 1);
}

TEST_F(WorkerOnDatabase, ADelayedJobStartsWhenItIsDue) {
  std::latch done(1);
  Handlers handlers;
  handlers.on<Square>([&](const Square&) { done.count_down(); });
  Worker worker(db, handlers, options(1));
  worker.start();
  client.enqueue(Square{1}, {.delay = 20ms});
  done.wait();
  EXPECT_EQ(worker.stop().succeeded, 1U);
}

TEST_F(WorkerOnDatabase, ACancelReachesARunningJobAtOnce) {
  std::latch running(1);
  Handlers handlers;
  handlers.on<Square>([&](const Square&, JobContext& job) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    running.count_down();
    stopped.wait(lock, job.stop_token(), [] { return false; });
    EXPECT_EQ(job.stop_reason(), StopReason::cancel);
    throw std::runtime_error("stopped");
  });
  Worker worker(db, handlers, options(1));
  const JobId id = client.enqueue(Square{1}).id;
  worker.start();
  running.wait();
  EXPECT_EQ(client.cancel(id), CancelStatus::cancelling);
  EXPECT_EQ(worker.stop(1h).cancelled, 1U);
  EXPECT_EQ(client.find(id)->state, JobState::cancelled);
}

TEST_F(WorkerOnDatabase, JobsInterruptedByStopStartAgainElsewhereWithTheirAttempt) {
  std::latch running(1);
  std::latch done(1);
  Handlers first;
  first.on<Square>([&](const Square&, JobContext& job) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    running.count_down();
    stopped.wait(lock, job.stop_token(), [] { return false; });
    throw std::runtime_error("interrupted");
  });
  Handlers second;
  second.on<Square>([&](const Square&, JobContext& job) {
    EXPECT_EQ(job.attempt(), 1);
    EXPECT_EQ(job.job().claims, 2);
    done.count_down();
  });
  const JobId id = client.enqueue(Square{1}, {.max_attempts = 1}).id;
  Worker one(db, first, options(1));
  one.start();
  running.wait();
  EXPECT_EQ(one.stop(0s).released, 1U);
  Worker two(db, second, options(1));
  two.start();
  done.wait();
  EXPECT_EQ(two.stop().succeeded, 1U);
  const std::vector<AttemptRecord> history = Admin(db).history(id);
  ASSERT_EQ(history.size(), 1U);
  EXPECT_EQ(history[0].cause, Cause::released);
}

TEST_F(WorkerOnDatabase, WithoutWorkItStaysQuiet) {
  Handlers handlers;
  handlers.on<Square>([](const Square&) {});
  std::atomic<int> warnings{0};
  WorkerOptions quiet = options(2);
  quiet.on_event = [&](const WorkerEvent& event) { warnings += event.level != WorkerEvent::Level::info; };
  Worker worker(db, handlers, quiet);
  worker.start();
  EXPECT_EQ(worker.stop().claimed, 0U);
  EXPECT_EQ(warnings, 0);
}

}  // namespace
}  // namespace sqlq::testing
