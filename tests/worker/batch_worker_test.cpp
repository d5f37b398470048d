// Batches in a whole worker, threads and all.

#include <pthread.h>

#include <future>
#include <latch>
#include <mutex>
#include <set>
#include <thread>

#include "worker/worker_fixture.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

template <class F>
Handlers rows(BatchOptions how, F handler, HandlerOptions options = {}) {
  Handlers handlers;
  handlers.batch("row", how, std::move(handler), std::move(options));
  return handlers;
}

JobId add_row(RecordingDialect& database) {
  return database.add([](Job& job) {
    job.kind = "row";
    job.keepalive = 1h;
  });
}

std::vector<JobId> add_rows(RecordingDialect& database, std::size_t n) {
  std::vector<JobId> ids;
  while (ids.size() < n) ids.push_back(add_row(database));
  return ids;
}

TEST_F(WorkerTest, RunsEveryJobOfItsBatchesOnce) {
  std::mutex mutex;
  std::multiset<JobId> ran;
  std::latch all(500);
  Handlers handlers = rows({.size = 16, .linger = 1ms}, [&](BatchContext& batch) {
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < batch.size(); ++i) ran.insert(batch.job(i).id);
    all.count_down(static_cast<std::ptrdiff_t>(batch.size()));
  });
  handlers.on("work", do_nothing);
  for (int i = 0; i < 500; ++i) {
    add_row(database);
    if (i % 5 == 0) database.add();
  }
  Worker worker(base.db, handlers, quiet(40));
  worker.start();
  all.wait();
  while (worker.stats().succeeded < 600) std::this_thread::yield();
  EXPECT_EQ(worker.stop().succeeded, 600U);
  EXPECT_EQ(ran.size(), 500U);
  EXPECT_EQ(std::set<JobId>(ran.begin(), ran.end()).size(), 500U);
}

TEST_F(WorkerInTime, ABatchIsRunWhenItHasLingeredAndNotSooner) {
  std::atomic<std::size_t> ran{0};
  std::atomic<bool> called{false};
  const std::vector<JobId> ids = add_rows(database, 3);
  Worker worker(base.db, rows({.size = 8, .linger = 10s},
                              [&](BatchContext& batch) {
                                ran = batch.size();
                                called = true;
                              }),
                quiet(8));
  worker.start();
  while (worker.stats().claimed < 3) std::this_thread::yield();
  const SteadyPoint held_at = clock->steady();
  advance_until(called);
  EXPECT_EQ(ran, 3U);
  EXPECT_GE(clock->steady(), held_at + 10s);
  worker.stop(1h);
}

TEST_F(WorkerTest, AStopGivesTheJobsOfABatchThatLingersBack) {
  std::atomic<bool> called{false};
  const std::vector<JobId> ids = add_rows(database, 3);
  Worker worker(base.db, rows({.size = 8, .linger = 1min}, [&](BatchContext&) { called = true; }), quiet(8));
  worker.start();
  while (worker.stats().claimed < 3) std::this_thread::yield();
  const WorkerStats stats = worker.stop();
  EXPECT_FALSE(called);
  EXPECT_EQ(stats.released, 3U);
  EXPECT_EQ(stats.busy, 0U);
  for (const JobId id : ids) {
    EXPECT_EQ(database.job(id).state, JobState::pending);
    EXPECT_EQ(database.job(id).attempt, 0);
  }
}

TEST_F(WorkerTest, ABatchThatIgnoresItsTokenIsLeftBehindWithAllItsJobs) {
  std::latch running(1);
  std::promise<void> go_on;
  std::latch over(1);
  const std::vector<JobId> ids = add_rows(database, 3);
  {
    Worker worker(base.db, rows({.size = 3}, [&, until = go_on.get_future().share()](BatchContext&) {
                    running.count_down();
                    until.wait();
                    over.count_down();
                  }),
                  quiet(3));
    worker.start();
    running.wait();
    const WorkerStats stats = worker.stop(0s);
    EXPECT_EQ(stats.abandoned, 3U);
    EXPECT_EQ(stats.released, 3U);
  }
  for (const JobId id : ids) EXPECT_EQ(database.job(id).state, JobState::pending);
  go_on.set_value();
  over.wait();
}

TEST_F(WorkerTest, ABatchThatEndsItsThreadLosesNoSlotAndHarmsNoOther) {
  std::atomic<bool> first{true};
  const std::vector<JobId> ids = add_rows(database, 3);
  Worker worker(base.db, rows({.size = 3},
                              [&](BatchContext&) {
                                if (first.exchange(false)) pthread_exit(nullptr);
                              }),
                quiet(3));
  worker.start();
  while (worker.stats().busy > 0 || first) std::this_thread::yield();
  const std::vector<JobId> others = add_rows(database, 9);
  worker.wake();
  while (worker.stats().succeeded < 9) std::this_thread::yield();
  const WorkerStats stats = worker.stop();
  EXPECT_EQ(stats.succeeded, 9U);
  EXPECT_EQ(stats.busy, 0U);
  for (const JobId id : ids) EXPECT_EQ(database.job(id).state, JobState::running) << "it comes back by its lease";
  for (const JobId id : others) EXPECT_EQ(database.job(id).state, JobState::success);
}

}  // namespace
}  // namespace sqlq::testing
