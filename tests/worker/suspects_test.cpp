// A job that kills its process, in every position among innocents: none of them is ended with it.

#include <algorithm>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/testing/memory_storage.hpp>

#include "worker/runtime.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

/// A fleet of workers whose jobs all run at once; what a killer's process has not written yet is lost with it.
class Fleet {
 public:
  Fleet(std::size_t workers, unsigned slots) : slots_(slots) {
    db_.migrate();
    for (std::size_t i = 0; i < workers; ++i) workers_.push_back(start());
  }

  JobId add(bool killer, const EnqueueOptions& options = {}) {
    return client_.enqueue(NewJob{.kind = killer ? "killer" : "work", .options = options}).id;
  }

  /// Until no job waits; says how many processes have died.
  int work_all() {
    for (int rounds = 0; live() > 0 && rounds < 10'000; ++rounds) {
      for (auto& worker : workers_) {
        if (!turn(*worker)) replace(worker);
      }
    }
    return deaths_;
  }
  /// A host is lost with all it runs: no job's fault.
  void lose_all() {
    for (auto& worker : workers_) {
      worker->fetcher.step();
      replace(worker);
    }
    deaths_ = 0;
  }
  /// One turn of the only worker; says how many jobs it ran.
  std::size_t turn() {
    const auto before = workers_.front()->shared.counters.claimed.load();
    EXPECT_TRUE(turn(*workers_.front()));
    return static_cast<std::size_t>(workers_.front()->shared.counters.claimed - before);
  }

  [[nodiscard]] Job job(JobId id) { return client_.find(id).value_or(Job{}); }

 private:
  std::unique_ptr<worker::Runtime> start() {
    Handlers handlers;
    handlers.on("work", [](JobContext&) { return Outcome::done(); });
    handlers.on("killer", [this](JobContext&) {
      killed_ = true;
      return Outcome::done();
    });
    auto runtime = std::make_unique<worker::Runtime>(
        db_, std::move(handlers), WorkerOptions{.concurrency = slots_, .on_event = [](const WorkerEvent&) {}});
    runtime->shared.freeze_handlers();
    runtime->fetcher.stop_handing_over();
    return runtime;
  }

  bool turn(worker::Runtime& runtime) {
    runtime.fetcher.step();
    while (const auto lease = runtime.shared.ready.try_take()) {
      runtime.executor.deliver(*lease, runtime.executor.run(*lease));
    }
    if (std::exchange(killed_, false)) return false;
    while (runtime.completer.step() != SteadyPoint::max()) {
    }
    return true;
  }

  void replace(std::unique_ptr<worker::Runtime>& worker) {
    ++deaths_;
    worker = start();
    clock_->advance(31s);  // the others hold nothing between their turns
    client_.reap();
  }

  std::uint64_t live() {
    JobCounts counts = admin_.counts();
    return counts[JobState::pending].value + counts[JobState::running].value + counts[JobState::scheduled].value;
  }

  const unsigned slots_;
  MemoryStorage storage_;
  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  Database db_ = storage_.open({.clock = clock_});
  Client client_{db_};
  Admin admin_{db_};
  std::vector<std::unique_ptr<worker::Runtime>> workers_;
  bool killed_ = false;
  int deaths_ = 0;
};

TEST(Suspects, OfAHostThatWasLostTwiceAreThroughInRoundsThatDouble) {
  Fleet fleet(1, 20);
  std::vector<JobId> jobs;
  for (int i = 0; i < 20; ++i) jobs.push_back(fleet.add(false));
  fleet.lose_all();
  fleet.lose_all();
  std::vector<std::size_t> rounds;
  while (const std::size_t ran = fleet.turn()) rounds.push_back(ran);
  EXPECT_EQ(rounds, (std::vector<std::size_t>{1, 2, 4, 8, 5}));
  for (const JobId id : jobs) EXPECT_EQ(fleet.job(id).state, JobState::success);
}

TEST(Suspects, NoInnocentIsEndedWhereverTheKillerStands) {
  constexpr int jobs = 30;
  int most = 0;
  for (const std::size_t workers : {1U, 3U}) {
    for (int killer = 0; killer < jobs; ++killer) {
      Fleet fleet(workers, 8);
      std::vector<JobId> innocents;
      JobId poison;
      for (int i = 0; i < jobs; ++i) {
        const JobId id = fleet.add(i == killer);
        if (i == killer) {
          poison = id;
        } else {
          innocents.push_back(id);
        }
      }
      const int deaths = fleet.work_all();
      most = std::max(most, deaths);
      EXPECT_GE(deaths, 3);
      EXPECT_LE(deaths, 4) << "max_crashes, and one beside other suspects; killer " << killer;
      EXPECT_EQ(fleet.job(poison).state, JobState::errored);
      EXPECT_EQ(fleet.job(poison).crashes, deaths);
      const auto harmed = std::ranges::count_if(
          innocents, [&](JobId id) { return fleet.job(id).state != JobState::success; });
      EXPECT_EQ(harmed, 0) << "killer " << killer << " of " << jobs << ", " << workers << " workers";
    }
  }
  RecordProperty("deaths", most);
}

TEST(Suspects, NoInnocentIsEndedWhenAllAreSuspectsAlready) {
  constexpr int jobs = 20;
  for (int killer = 0; killer < jobs; ++killer) {
    for (const int max_attempts : {3, 4, 25}) {
      Fleet fleet(1, jobs);
      std::vector<JobId> innocents;
      JobId poison;
      for (int i = 0; i < jobs; ++i) {
        const JobId id = fleet.add(i == killer, {.max_attempts = max_attempts});
        (i == killer ? poison : innocents.emplace_back()) = id;
      }
      fleet.lose_all();
      fleet.lose_all();
      EXPECT_LE(fleet.work_all(), 2);
      EXPECT_EQ(fleet.job(poison).state, JobState::errored);
      const auto harmed = std::ranges::count_if(
          innocents, [&](JobId id) { return fleet.job(id).state != JobState::success; });
      EXPECT_EQ(harmed, 0) << "killer " << killer << ", max_attempts " << max_attempts;
    }
  }
}

}  // namespace
}  // namespace sqlq::testing
