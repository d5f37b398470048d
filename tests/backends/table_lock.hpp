#pragma once
/// \file
/// Somebody holds a lock with which nobody can write to the jobs' table for longer than leases last (decision 0037):
/// processes that hold leases, one that sweeps, and one that has died.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/backend/forwarding.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/worker.hpp>

#include "platform/pause.hpp"

namespace sqlq::testing {

/// Says how many sweeps have begun, how many of them have ended, and whether a worker reads why it is idle.
class CountedSweeps final : public backend::ForwardingDialect {
 public:
  explicit CountedSweeps(Database db) : ForwardingDialect(nullptr), db_(std::move(db)) {}

  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  std::atomic<bool> reading{false};

  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept override {
    return db_.dialect().capabilities();
  }
  [[nodiscard]] std::string description() const override { return db_.dialect().description(); }
  [[nodiscard]] std::span<const Migration> migrations() const noexcept override { return db_.dialect().migrations(); }
  [[nodiscard]] backend::Outages* outages() noexcept override { return this; }
  [[nodiscard]] std::optional<SteadyPoint> locked_since() const noexcept override {
    return db_.dialect().outages()->locked_since();
  }
  ReapReport reap(std::span<const std::string> queues, std::size_t limit, backend::Now now) override {
    struct Count {
      std::atomic<int>& ended;
      ~Count() { ++ended; }
    } const count{(++begun, ended)};
    return db_.dialect().reap(queues, limit, now);
  }
  [[nodiscard]] std::vector<WaitingKind> waiting_kinds(std::size_t limit, backend::Now now) override {
    struct Mark {
      std::atomic<bool>& reading;
      ~Mark() { reading = false; }
    } const mark{(reading = true, reading)};
    return db_.dialect().waiting_kinds(limit, now);
  }

 protected:
  backend::Dialect& target(const char*) override { return db_.dialect(); }

 private:
  const Database db_;
};

/// Time is a test's: it passes when all of them have found the lock. The waits for the lock itself are the server's.
class LockedTable {
 public:
  /// The database is migrated. A handle opened here is another process's: it shares nothing with others.
  explicit LockedTable(std::string url) : url_(std::move(url)) {}

  /// `hold` takes the lock, `let_go` gives it back.
  void keeps_all_leases(const std::function<void()>& hold, const std::function<void()>& let_go) {
    const Database owning = open(), looping = open();
    auto counted = std::make_unique<CountedSweeps>(open());
    const CountedSweeps& sweeps = *counted;
    const Database sweeping(std::move(counted), {.clock = clock_});
    enqueue(owning, "held", holders);
    Worker owner(owning, handlers({"held"}), options());
    owner.start();
    begun_.wait();
    enqueue(owning, "looped", 1);
    enqueue(owning, "dead", 1);
    const Job looped = Client(looping).claim({}, {.kinds = {"looped"}}).at(0);
    const Job dead = Client(looping).claim({}, {.kinds = {"dead"}}).at(0);  // its holder will not be heard of again
    Worker sweeper(sweeping, handlers({"held", "dead"}), options());
    sweeper.start();
    pass(std::chrono::seconds(4), [&] {  // it has looked, and swept
      await([&] { return all_renewed(owning); });
      EXPECT_EQ(Client(looping).ping(std::vector{looped, dead}), std::vector(2, LeaseStatus::renewed));
    });
    hold();
    const SteadyPoint begin = clock_->steady();
    const int swept = sweeps.begun;
    int looks = 0;
    pass(std::chrono::milliseconds(4500), [&] {
      EXPECT_THROW(static_cast<void>(Client(looping).ping(looped)), Error) << "somebody keeps everybody from it";
      await([&] { return !sweeps.reading; });  // a read that waits for the lock delays the sweep after it
      const auto sweeps_look = [&] { return sweeps.begun > swept || sweeps.ended < swept; };
      const auto seen = [&] { return failed_beats_ > looks && sweeps_look(); };
      if (clock_->steady() - begin > keepalive / 2) await(seen);
      looks = failed_beats_;
    });
    let_go();
    EXPECT_EQ(Client(looping).reap().total(), 0U) << "nobody has had time to renew";
    EXPECT_EQ(Client(looping).ping(looped), LeaseStatus::renewed);
    while (Client(owning).find(dead.id)->crashes == 0) {  // until somebody takes it back
      pass(step, [&] {
        await([&] { return all_renewed(owning); });
        EXPECT_EQ(Client(looping).ping(looped), LeaseStatus::renewed);
      });
    }
    ended_.count_down();
    await([&] {  // a little time, for where nobody tells of what others took back
      clock_->advance(step / 50);
      EXPECT_EQ(Client(looping).ping(looped), LeaseStatus::renewed);
      return Admin(owning).counts().at(JobState::success).value == holders + 1;
    });
    EXPECT_EQ(Client(looping).success(looped), FinishStatus::applied);
    EXPECT_EQ(owner.stop().lost, 0U);
    sweeper.stop();
    EXPECT_EQ(stopped_, 0) << "healthy handlers that were told to stop";
    for (const Job& job : Admin(owning).list({}, {.limit = 100})) {
      EXPECT_EQ(job.attempt, job.id == dead.id ? 2 : 1) << job.kind;
      EXPECT_EQ(job.crashes, job.id == dead.id ? 1 : 0) << job.kind;
    }
  }

 private:
  static constexpr Duration keepalive = std::chrono::seconds(3);
  /// Longer than a heartbeat waits before it tries again.
  static constexpr Duration step = std::chrono::milliseconds(500);
  static constexpr std::size_t holders = 3;

  [[nodiscard]] Database open() const { return backend::open(url_, {.clock = clock_}); }
  static void enqueue(const Database& db, const std::string& kind, std::size_t n) {
    const NewJob job{.kind = kind, .options = {.keepalive = keepalive}};
    Client(db).enqueue_many(std::vector<NewJob>(n, job));
  }
  WorkerOptions options() {
    return {.concurrency = 8, .sweep = std::chrono::seconds(1), .on_event = [this](const WorkerEvent& event) {
              // Only one of the workers holds leases.
              if (event.service == "heartbeat" && event.code == WorkerEvent::Code::service_failed) ++failed_beats_;
            }};
  }
  Handlers handlers(const std::vector<std::string>& kinds) {
    Handlers handlers;
    for (const std::string& kind : kinds) {
      if (kind != "held") {
        handlers.on(kind, [](JobContext&) { return Outcome::done(); });
        continue;
      }
      handlers.on(kind, [this](JobContext& job) {
        if (job.job().claims == 1) begun_.count_down();
        ended_.wait();
        if (job.stop_token().stop_requested()) ++stopped_;
        return Outcome::done();
      });
    }
    return handlers;
  }

  void pass(Duration time, const std::function<void()>& after_each_step) {
    for (; time > Duration(0); time -= step) {
      clock_->advance(step);
      after_each_step();
    }
  }
  static void await(const std::function<bool()>& question) {
    while (!question()) platform::pause_for(std::chrono::milliseconds(1));
  }
  [[nodiscard]] bool all_renewed(const Database& db) const {
    const TimePoint after = clock_->now() - keepalive / 3;
    std::size_t renewed = 0;
    for (const Job& job : Admin(db).list({.kinds = {"held"}})) renewed += job.heartbeat_at > after ? 1 : 0;
    return renewed == holders;
  }

  std::string url_;
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  std::latch begun_{static_cast<std::ptrdiff_t>(holders)};
  std::latch ended_{1};
  std::atomic<int> stopped_{0};
  std::atomic<int> failed_beats_{0};
};

}  // namespace sqlq::testing
