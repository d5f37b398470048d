#pragma once
/// \file
/// Somebody locks the table of workers: nobody is harmed by it, neither claims, renewals and outcomes nor the stop.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <utility>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
#include <sqlq/worker.hpp>

#include "platform/pause.hpp"

namespace sqlq::testing {

class LockedRegistry {
 public:
  /// The database is migrated; `hold` takes the lock on another connection, `let_go` gives it back.
  LockedRegistry(Database db, std::function<void()> hold, std::function<void()> let_go)
      : db_(std::move(db)), hold_(std::move(hold)), let_go_(std::move(let_go)) {}

  /// The worker starts, works and stops while the table is locked: it says once that it is not listed.
  void harms_no_work() {
    hold_();
    Client client(db_);
    const Job looped = held();
    Worker worker(db_, handlers(), options());
    worker.start();
    for (int i = 0; i < jobs; ++i) client.enqueue(NewJob{.kind = "work"});
    const auto done = [&] { return count(JobState::success) == jobs; };
    await(done);
    await([&] { return told_ > 0; });
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client.ping(looped), LeaseStatus::renewed);
    EXPECT_EQ(client.success(looped), FinishStatus::applied);
    expect_unharmed(worker.stop(), jobs);
    EXPECT_EQ(told_, 1);
    let_go_();
    EXPECT_TRUE(Admin(db_).workers().empty());
  }

  /// The table is locked while a worker is listed and runs a job: it ends that, and stops.
  void keeps_nobody_from_stopping() {
    Client client(db_);
    std::latch begun{1}, ended{1};
    Handlers table;
    table.on("work", [&](JobContext&) {
      begun.count_down();
      ended.wait();
      return Outcome::done();
    });
    Worker worker(db_, table, options());
    worker.start();
    client.enqueue(NewJob{.kind = "work"});
    begun.wait();
    await([&] { return Admin(db_).workers().size() == 1; });
    hold_();
    ended.count_down();
    await([&] { return count(JobState::success) == 1; });
    expect_unharmed(worker.stop(), 1);
    let_go_();
  }

 private:
  static constexpr int jobs = 20;

  static void await(const std::function<bool()>& question) {
    while (!question()) platform::pause_for(std::chrono::milliseconds(1));
  }
  [[nodiscard]] std::uint64_t count(JobState state) const { return Admin(db_).counts().at(state).value; }
  [[nodiscard]] Job held() {
    Client client(db_);
    client.enqueue(NewJob{.kind = "looped"});
    return client.claim({}, {.kinds = {"looped"}}).at(0);
  }
  static Handlers handlers() {
    Handlers table;
    table.on("work", [](JobContext&) { return Outcome::done(); });
    return table;
  }
  WorkerOptions options() {
    return {.concurrency = 2, .on_event = [this](const WorkerEvent& event) {
              if (event.service == "presence") ++told_;
              if (event.code == WorkerEvent::Code::lease_lost) ADD_FAILURE() << event.message;
            }};
  }
  void expect_unharmed(const WorkerStats& stats, std::uint64_t succeeded) const {
    EXPECT_EQ(stats.succeeded, succeeded);
    EXPECT_EQ(stats.lost + stats.failed + stats.released + stats.abandoned, 0U);
    for (const Job& job : Admin(db_).list({.kinds = {"work"}}, {.limit = 100})) {
      EXPECT_EQ(job.state, JobState::success);
      EXPECT_EQ(job.claims, 1);
    }
  }

  const Database db_;
  const std::function<void()> hold_;
  const std::function<void()> let_go_;
  std::atomic<int> told_{0};
};

}  // namespace sqlq::testing
