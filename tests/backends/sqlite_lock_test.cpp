// Somebody holds the file's write lock for longer than leases last: nobody can renew, and nobody may lose a job by it.

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <thread>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
#include <sqlq/database.hpp>
#include <sqlq/sqlite.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/worker.hpp>

#include "backends/sqlite_scratch.hpp"
#include "operations.hpp"
#include "runner.hpp"
#include "sql/sql_dialect.hpp"

namespace sqlq::sqlite {
namespace {

using namespace std::chrono_literals;

class SqliteLock : public Scratch {
 protected:
  /// A handle with a writer of its own, as another process has it. Its waits for the lock do not end by themselves.
  struct Process {
    explicit Process(const SqliteLock& test) {
      Options options;
      options.path = test.path();
      options.full_sync = false;
      options.watch = false;
      options.busy_timeout = 1h;
      auto runner = std::make_unique<Runner>(options, test.clock_);
      watch = &runner->lock_watch();
      db = std::make_unique<Database>(
          std::make_unique<sql::SqlDialect>(std::make_unique<Operations>(), std::move(runner), test.clock_),
          DatabaseOptions{.clock = test.clock_});
    }
    const core::LockWatch* watch = nullptr;
    std::unique_ptr<Database> db{};
  };

  SqliteLock() : owner_(*this), other_(*this), application_(path()) { owner_.db->migrate(); }

  /// Lets time pass while the application holds the lock and those processes wait for it; none of them misses a look.
  void pass(Duration time, std::initializer_list<const Process*> waiting) {
    for (; time > 0s; time -= 1s) {
      clock_->advance(1s);
      for (const Process* process : waiting) {
        while (process->watch->seen() < clock_->steady()) std::this_thread::yield();
      }
    }
  }
  void hold_lock() const { ASSERT_EQ(application_.exec("BEGIN IMMEDIATE"), SQLITE_OK); }
  void free_lock() const { ASSERT_EQ(application_.exec("ROLLBACK"), SQLITE_OK); }

  std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
  Process owner_;
  Process other_;
  Native application_;
};

TEST_F(SqliteLock, WhoReapsLeavesThoseWhoWaitedForTheLockAMoment) {
  Client client(*owner_.db);
  client.enqueue(NewJob{.kind = "alive"});
  client.enqueue(NewJob{.kind = "dead"});
  const auto alive = client.claim({}, {.kinds = {"alive"}}).at(0);
  const auto dead = client.claim({}, {.kinds = {"dead"}}).at(0);
  hold_lock();
  sqlq::jthread renewing([&] { EXPECT_EQ(client.ping(alive), LeaseStatus::renewed); });
  sqlq::jthread reaping([&] { EXPECT_EQ(Client(*other_.db).reap().total(), 0U); });
  pass(40s, {&owner_, &other_});
  free_lock();
  renewing.join();
  reaping.join();
  clock_->advance(2s);
  const ReapReport report = Client(*other_.db).reap();
  EXPECT_EQ(report.returned, std::vector<JobId>{dead.id});
  EXPECT_EQ(report.total(), 1U);
  EXPECT_EQ(client.success(alive), FinishStatus::applied);
}

TEST_F(SqliteLock, WhatEndedBeforeIsTakenBackAtOnce) {
  Client client(*owner_.db);
  client.enqueue(NewJob{.kind = "k"});
  const auto dead = client.claim().at(0);
  clock_->advance(31s);
  hold_lock();
  sqlq::jthread reaping([&] { EXPECT_EQ(Client(*other_.db).reap().returned, std::vector<JobId>{dead.id}); });
  pass(10s, {&other_});
  free_lock();
}

class SqliteLockedWorker : public SqliteLock {
 protected:
  static constexpr int jobs = 5;

  /// Runs jobs of 30 s of lease by `handler`, lets 90 s pass while the lock is held, by whatever `hold` or one of the
  /// handlers does, and looks that nobody has noticed anything.
  void run(const Handlers::Function& handler, const std::function<void()>& hold, const std::function<void()>& let_go) {
    Client(*owner_.db).enqueue_many(std::vector<NewJob>(jobs, NewJob{.kind = "k"}));
    Handlers handlers;
    handlers.on("k", handler);
    Worker worker(*owner_.db, handlers, {.concurrency = jobs});
    Worker others(*other_.db, handlers, {.concurrency = jobs});  // would take what they can
    worker.start();
    begun_.wait();
    others.start();
    hold();
    {
      const sqlq::jthread one([&] { wait_for_lock(owner_); });
      const sqlq::jthread two([&] { wait_for_lock(other_); });
      pass(90s, {&owner_, &other_});
      let_go();
      ended_.count_down();
    }
    Admin admin(*owner_.db);
    while (admin.counts().at(JobState::success).value < jobs) std::this_thread::yield();
    EXPECT_EQ(worker.stop().lost, 0U);
    EXPECT_EQ(others.stop().claimed, 0U);
    EXPECT_EQ(stopped_, 0);
    for (const Job& job : admin.list({.kinds = {"k"}})) {
      EXPECT_EQ(job.claims, 1);
      EXPECT_EQ(job.crashes, 0);
    }
  }

  /// Any write does; nobody works this kind.
  static void wait_for_lock(const Process& process) { Client(*process.db).enqueue(NewJob{.kind = "other"}); }

  void wait(const JobContext& job) {
    begun_.count_down();
    ended_.wait();
    if (job.stop_token().stop_requested()) ++stopped_;
  }

  std::latch begun_{jobs};
  std::latch ended_{1};
  std::atomic<int> stopped_{0};
  std::atomic<bool> first_{true};
};

TEST_F(SqliteLockedWorker, AnApplicationsLongTransactionEndsNoLease) {
  run(
      [this](JobContext& job) {
        wait(job);
        return Outcome::done();
      },
      [this] { hold_lock(); }, [this] { free_lock(); });
}

TEST_F(SqliteLockedWorker, ALongTransactionOfAHandlerEndsNoLease) {
  run(
      [this](JobContext& job) {
        if (!first_.exchange(false)) {
          wait(job);
          return Outcome::done();
        }
        const Native mine(path());
        EXPECT_EQ(mine.exec("BEGIN IMMEDIATE"), SQLITE_OK);
        EXPECT_TRUE(job.complete_in(borrow(mine.handle())));
        wait(job);
        EXPECT_EQ(mine.exec("COMMIT"), SQLITE_OK);
        return Outcome::done();
      },
      [] {}, [] {});
}

}  // namespace
}  // namespace sqlq::sqlite
