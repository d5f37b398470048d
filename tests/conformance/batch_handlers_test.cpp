// Batch handlers: many jobs in one call, each with an end of its own.

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/json.hpp>
#include <sqlq/sqlq.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

struct Cell {
  static constexpr std::string_view kind = "cell";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Cell, n)
};

/// The jobs of each call of a handler. Thread-safe.
class CallsOfBatches {
 public:
  void add(const BatchContext& batch) {
    const std::lock_guard lock(mutex_);
    std::vector<JobId>& call = calls_.emplace_back();
    for (std::size_t i = 0; i < batch.size(); ++i) call.push_back(batch.job(i).id);
  }
  [[nodiscard]] std::size_t largest() const {
    const std::lock_guard lock(mutex_);
    std::size_t most = 0;
    for (const auto& call : calls_) most = std::max(most, call.size());
    return most;
  }
  [[nodiscard]] std::map<JobId, int> runs() const {
    const std::lock_guard lock(mutex_);
    std::map<JobId, int> all;
    for (const auto& call : calls_) {
      for (const JobId id : call) ++all[id];
    }
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::vector<JobId>> calls_;
};

template <class F>
Handlers cells(BatchOptions how, F run, HandlerOptions options = {}) {
  Handlers handlers;
  handlers.batch<Cell>(how, std::move(run), std::move(options));
  return handlers;
}

std::vector<JobId> enqueue_cells(Client client, int n, const EnqueueOptions& options = {}) {
  std::vector<Cell> all;
  for (int i = 0; i < n; ++i) all.push_back({i});
  std::vector<JobId> ids;
  for (const Enqueued& one : client.enqueue_many(all, options)) ids.push_back(one.id);
  return ids;
}

}  // namespace

TEST_P(BatchHandlers, EachJobHasItsOwnOutcomeResultLogAndHistory) {
  const std::vector<JobId> ids = enqueue_cells(client(), 4);
  QuietWorker worker{db(), cells({.size = 4},
                                 [](std::span<const Cell> all, BatchContext& batch) {
                                   std::vector<Outcome> outcomes;
                                   for (std::size_t i = 0; i < all.size(); ++i) {
                                     batch.set_result(i, all[i].n * 10);
                                     batch.log(i).info("cell {}", all[i].n);
                                     switch (all[i].n) {
                                       case 0: outcomes.push_back(Outcome::done()); break;
                                       case 1: outcomes.push_back(Outcome::error("full")); break;
                                       case 2: outcomes.push_back(Outcome::discard("no such table")); break;
                                       default: outcomes.push_back(Outcome::snooze(1h)); break;
                                     }
                                   }
                                   return outcomes;
                                 },
                                 {.retry = RetryPolicy::constant(1h)})};
  ASSERT_TRUE(reaches(ids[0], JobState::success));
  ASSERT_TRUE(reaches(ids[1], JobState::scheduled));
  ASSERT_TRUE(reaches(ids[2], JobState::errored));
  ASSERT_TRUE(reaches(ids[3], JobState::scheduled));
  EXPECT_TRUE(causes(ids[0]).empty());
  EXPECT_EQ(causes(ids[1]), std::vector{Cause::failed});
  EXPECT_EQ(causes(ids[2]), std::vector{Cause::discarded});
  EXPECT_EQ(causes(ids[3]), std::vector{Cause::snoozed});
  EXPECT_EQ(admin().history(ids[1])[0].message, "full");
  EXPECT_EQ(row(ids[1]).attempt, 1);
  EXPECT_EQ(row(ids[3]).attempt, 0) << "a snooze charges none";
  worker->stop();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(row(ids[i]).result, std::to_string(i * 10));
    const std::vector<LogLine> lines = admin().logs(ids[i]);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].text, "cell " + std::to_string(i));
  }
}

TEST_P(BatchHandlers, TwoWorkersRunEachJobOnce) {
  CallsOfBatches calls;
  const Handlers handlers = cells({.size = 16}, [&](std::span<const Cell>, BatchContext& batch) { calls.add(batch); });
  const std::vector<JobId> ids = enqueue_cells(client(), 300);
  QuietWorker one{db(), handlers, {.concurrency = 32}};
  QuietWorker two{db(), handlers, {.concurrency = 32}};
  for (const JobId id : ids) ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(one->stop().succeeded + two->stop().succeeded, 300u);
  const std::map<JobId, int> runs = calls.runs();
  EXPECT_EQ(runs.size(), 300u);
  EXPECT_TRUE(std::ranges::all_of(runs, [](const auto& run) { return run.second == 1; }));
  EXPECT_GT(calls.largest(), 1u);
  EXPECT_LE(calls.largest(), 16u);
}

// The handler cannot say which of its jobs is bad.
TEST_P(BatchHandlers, ABadJobEndsNoInnocentAndCostsItOneAttemptAtMost) {
  constexpr int bad = 7;
  constexpr int all = 20;
  CallsOfBatches calls;
  const std::vector<JobId> ids = enqueue_cells(client(), all, {.max_attempts = 2});
  QuietWorker worker{db(),
                     cells({.size = all},
                           [&](std::span<const Cell> cells, BatchContext& batch) {
                             calls.add(batch);
                             for (const Cell& cell : cells) {
                               if (cell.n == bad) throw Discard("bad value");
                             }
                           },
                           {.retry = RetryPolicy::constant(1s)})};
  ASSERT_TRUE(eventually([&] { return worker->stats().ended() >= all; }));
  clock().advance(1s);
  for (int i = 0; i < all; ++i) {
    ASSERT_TRUE(reaches(ids[static_cast<std::size_t>(i)], i == bad ? JobState::errored : JobState::success)) << i;
  }
  worker->stop();
  EXPECT_GT(calls.largest(), 1u);
  int ended = 0;
  for (int i = 0; i < all; ++i) {
    const JobId id = ids[static_cast<std::size_t>(i)];
    if (i == bad) {
      EXPECT_EQ(causes(id), (std::vector{Cause::failed, Cause::discarded}));
    } else {
      ended += row(id).state == JobState::errored ? 1 : 0;
      EXPECT_LE(causes(id).size(), 1u) << "attempts that it lost by another";
    }
  }
  EXPECT_EQ(ended, 0) << "innocents harmed";
}

TEST_P(BatchHandlers, AJobWithOneAttemptIsHarmedByNoOther) {
  constexpr int bad = 3;
  constexpr int all = 8;
  CallsOfBatches calls;
  const std::vector<JobId> ids = enqueue_cells(client(), all, {.max_attempts = 1});
  QuietWorker worker{db(), cells({.size = all}, [&](std::span<const Cell> cells, BatchContext& batch) {
                       calls.add(batch);
                       if (cells[0].n == bad) throw std::runtime_error("bad value");
                     })};
  for (int i = 0; i < all; ++i) {
    const JobId id = ids[static_cast<std::size_t>(i)];
    ASSERT_TRUE(reaches(id, i == bad ? JobState::errored : JobState::success)) << i;
    EXPECT_EQ(causes(id).size(), i == bad ? 1u : 0u);
  }
  EXPECT_EQ(calls.largest(), 1u);
}

TEST_P(BatchHandlers, ParamsThatCannotBeReadFailTheirJobOnly) {
  const std::vector<JobId> good = enqueue_cells(client(), 3);
  const JobId bad = enqueue_kind("cell");  // its params are null
  CallsOfBatches calls;
  QuietWorker worker{db(), cells({.size = 4}, [&](std::span<const Cell>, BatchContext& batch) { calls.add(batch); },
                                 {.retry = RetryPolicy::constant(1h)})};
  for (const JobId id : good) ASSERT_TRUE(reaches(id, JobState::success));
  ASSERT_TRUE(reaches(bad, JobState::scheduled));
  EXPECT_EQ(causes(bad), std::vector{Cause::failed});
  EXPECT_EQ(calls.runs().count(bad), 0u) << "the handler does not see it";
}

TEST_P(BatchHandlers, ACancelledJobStopsNoOther) {
  const std::vector<JobId> ids = enqueue_cells(client(), 3);
  Moment begun;
  Moment go_on;
  QuietWorker worker{db(), cells({.size = 3}, [&](std::span<const Cell>) {
                       begun.happen();
                       go_on.wait();
                     })};
  ASSERT_TRUE(begun.wait());
  EXPECT_EQ(client().cancel(ids[1]), CancelStatus::cancelling);
  go_on.happen();
  ASSERT_TRUE(reaches(ids[0], JobState::success));
  ASSERT_TRUE(reaches(ids[1], JobState::cancelled));
  ASSERT_TRUE(reaches(ids[2], JobState::success));
  worker->stop();
  EXPECT_EQ(held(), 0u);
}

TEST_P(BatchHandlers, AStopGivesTheJobsOfABatchThatHasNotBegunBack) {
  const std::vector<JobId> ids = enqueue_cells(client(), 3);
  CallsOfBatches calls;
  QuietWorker worker{db(), cells({.size = 8, .linger = 1min},
                                 [&](std::span<const Cell>, BatchContext& batch) { calls.add(batch); })};
  ASSERT_TRUE(eventually([&] { return worker->stats().claimed == 3; }));
  const WorkerStats stats = worker->stop();
  EXPECT_EQ(stats.released, 3u);
  EXPECT_TRUE(calls.runs().empty());
  for (const JobId id : ids) {
    EXPECT_EQ(state(id), JobState::pending);
    EXPECT_EQ(row(id).attempt, 0);
    EXPECT_EQ(causes(id), std::vector{Cause::released});
  }
}

TEST_P(BatchHandlers, WhatLingersKeepsNoOtherKindWaiting) {
  Handlers handlers = cells({.size = 8, .linger = 1min}, [](std::span<const Cell>) {});
  handlers.on("work", [](JobContext&) {});
  const JobId lingers = enqueue_cells(client(), 1)[0];
  QuietWorker worker{db(), handlers};
  ASSERT_TRUE(reaches(lingers, JobState::running));
  ASSERT_TRUE(reaches(enqueue(), JobState::success));
  EXPECT_EQ(state(lingers), JobState::running);
}

}  // namespace sqlq::conformance
