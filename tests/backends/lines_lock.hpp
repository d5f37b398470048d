#pragma once
/// \file
/// Somebody has locked what a purge wants to delete: jobs of the dead come back meanwhile, others run, a worker stops.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <sqlq/admin.hpp>
#include <sqlq/backend/forwarding.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/log.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/worker.hpp>

#include "platform/pause.hpp"

namespace sqlq::testing {

/// Says how many purges have begun and how many have failed.
class CountedPurges final : public backend::ForwardingDialect {
 public:
  explicit CountedPurges(Database db) : ForwardingDialect(nullptr), db_(std::move(db)) {}

  std::atomic<int> begun{0};
  std::atomic<int> failed{0};

  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept override {
    return db_.dialect().capabilities();
  }
  [[nodiscard]] std::string description() const override { return db_.dialect().description(); }
  [[nodiscard]] std::span<const Migration> migrations() const noexcept override { return db_.dialect().migrations(); }
  PurgeReport purge(std::size_t limit, backend::Now now) override {
    ++begun;
    try {
      return db_.dialect().purge(limit, now);
    } catch (const Error&) {
      ++failed;
      throw;
    }
  }

 protected:
  backend::Dialect& target(const char*) override { return db_.dialect(); }

 private:
  const Database db_;
};

class LockedLines {
 public:
  /// The database is migrated. In `url` calls wait for a lock for longer than a test may take, and the pool has two
  /// connections: whoever waits for the lock where others want to go on hangs.
  explicit LockedLines(const std::string& url)
      : db_(backend::open(url, {.clock = clock_})), mine_(backend::open(url, {.clock = clock_})) {}

  /// `hold` takes the lock, `let_go` gives it back. `rescues`: whether a rescue writes none of what is locked; else it
  /// comes when the lock is free.
  void delay_nothing(const std::function<void()>& hold, const std::function<void()>& let_go, bool rescues = true) {
    finished();
    Client client(db_);
    const JobId dead = client.enqueue(NewJob{.kind = "work"}).id;
    ASSERT_EQ(client.claim({}, {.kinds = {"work"}}).size(), 1U);  // its holder will not be heard of again
    clock_->advance(std::chrono::hours(1));
    hold();
    auto counted = std::make_unique<CountedPurges>(mine_);
    const CountedPurges& purges = *counted;
    const Database counting(std::move(counted), {.clock = clock_});
    const WorkerOptions options{.concurrency = 2, .sweep = std::chrono::seconds(1), .on_event = [](const auto&) {}};
    Worker worker(counting, handlers(), options);
    worker.start();
    await([&] { return purges.failed > 0; });
    if (rescues) go_on_while_locked(worker, purges, dead);
    let_go();
    await_success(dead);
    EXPECT_EQ(client.find(dead)->crashes, 1);
    stopped(worker);
    Admin(db_).purge();
    EXPECT_FALSE(client.find(finished_));
  }

 private:
  void go_on_while_locked(Worker& worker, const CountedPurges& purges, JobId dead) {
    Client client(db_);
    await_success(dead);
    const JobId late = client.enqueue(NewJob{.kind = "work"}).id;
    await_success(late);
    const int before = purges.failed;
    await([&] {  // it tries again
      clock_->advance(std::chrono::seconds(1));
      return purges.failed > before;
    });
    const WorkerStats stats = stopped(worker);
    EXPECT_EQ(stats.succeeded, 2U);
    EXPECT_EQ(stats.lost + stats.failed + stats.released + stats.abandoned, 0U);
    EXPECT_EQ(client.find(late)->claims, 1);
  }
  /// Time goes by, for not every database tells workers of new jobs.
  void await_success(JobId id) {
    const Client client(db_);
    await([&] {
      clock_->advance(std::chrono::milliseconds(10));
      return client.find(id)->state == JobState::success;
    });
  }
  /// A job past its retention, with a line in each table.
  void finished() {
    Client client(db_);
    finished_ = client.enqueue(NewJob{.kind = "old", .options = {.retention = Duration(0)}}).id;
    const Job job = client.claim({}, {.kinds = {"old"}}).at(0);
    const auto recorded = db_.dialect().steps()->record_step(
        {.id = job.id, .token = job.lease_token, .name = "step", .value = "1"}, nullptr, clock_->instant());
    ASSERT_EQ(recorded.status, backend::RecordStatus::recorded);
    const LogLine line{.job = job.id, .token = job.lease_token, .claim = job.claims, .attempt = 1, .number = 1,
                       .at = clock_->now(), .text = "a line"};
    ASSERT_TRUE(db_.dialect().append_logs({&line, 1}).at(0));
    ASSERT_EQ(client.error(job, "no", {.discard = true}), FinishStatus::applied);
  }
  static Handlers handlers() {
    Handlers table;
    table.on("work", [](JobContext&) { return Outcome::done(); });
    return table;
  }
  static void await(const std::function<bool()>& question) {
    while (!question()) platform::pause_for(std::chrono::milliseconds(1));
  }
  /// Time is a test's, also that of a stop.
  WorkerStats stopped(Worker& worker) {
    WorkerStats stats;
    std::atomic<bool> over{false};
    const sqlq::jthread stopping([&] {
      stats = worker.stop();
      over = true;
    });
    await([&] {
      if (!over) clock_->advance(std::chrono::milliseconds(10));
      return over.load();
    });
    return stats;
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  const Database db_;
  const Database mine_;
  JobId finished_{};
};

}  // namespace sqlq::testing
