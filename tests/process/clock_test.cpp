// The wall clock of all processes that use a database is stepped while they work, by seconds, hours and a day. Leases
// do not end by it, delayed jobs and ticks of schedules are not early, and no worker stands still.

#include <iostream>
#include <optional>

#include "load.hpp"
#include "policies.hpp"
#include "services.hpp"
#include "wall_clock.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr Duration lease = 5s;
constexpr Duration soon = 5s;  // until each worker has begun a job after a step

/// Schedules that fire while a clock is stepped. Where it is the one that decides, ticks that it jumps over are missed.
void sync(Schedules& schedules, bool decides) {
  auto all = schedules_of_all_policies(system_clock()->now() + 1s, 1, lease);
  if (decides) std::erase_if(all, [](const Schedule& s) { return s.missed == Missed::all; });
  schedules.sync(all);
}

/// By the clock of the database, which also says when a job was created. Returns how many ticks there are.
std::size_t expect_no_early_tick(const Database& db) {
  std::size_t ticks = 0;
  Page page{.limit = 1000};
  for (auto jobs = Admin{db}.list({}, page); !jobs.empty(); jobs = Admin{db}.list({}, page)) {
    page.before = jobs.back().id;
    for (const Job& job : jobs) {
      const auto tick = tick_of(job);
      if (!tick) continue;
      ++ticks;
      EXPECT_LE(tick->at, job.created_at) << job.id.to_string();
    }
  }
  return ticks;
}

class ClockSteps : public Anywhere {
 protected:
  [[nodiscard]] faults::Figures judge_steps(const WallClock& wall, std::vector<faults::Fault> steps) const {
    auto run = evidence({.lease_us = lease.count(), .recovery_us = soon.count()}, std::move(steps));
    for (faults::Record& r : run.records) {
      // On a file, what is due is decided by the wall clock of the processes; servers have their own.
      if (!place().is_file() || r.what != faults::What::not_before) continue;
      r.value = static_cast<std::uint64_t>(wall.earliest(r.at_us, static_cast<std::int64_t>(r.value)));
    }
    return judge_run(run);
  }
};

TEST_P(ClockSteps, EndNoLeaseAndRunNothingEarly) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  // The last is the one that is farthest ahead: on a file, what was to run later would else have to wait for it.
  const std::vector<Duration> steps{5s, -5s, 5s, -1h, 1h, 24h};
  constexpr std::int64_t jobs_between = 30;
  const std::int64_t jobs = jobs_between * static_cast<std::int64_t>(steps.size() + 2);  // batches have up to 40
  const Database db = open(url());
  db.migrate();
  Schedules schedules(db);
  sync(schedules, place().is_file());
  WallClock wall(path("."));
  Load load(url(), records(), wall.environment());
  load.start_workers(2, 8);
  Random random;
  load.start_producer(jobs, random.between(0, 1'000'000'000),
                      {"pace=100", "delayed=10", "keepalive=" + std::to_string(lease / 1ms)});
  std::vector<faults::Fault> known;
  for (const Duration& step : steps) {
    ASSERT_TRUE(load.wait_for_acknowledged(jobs_between * static_cast<std::int64_t>(known.size() + 1)));
    const std::int64_t at = wall.set(step);
    known.push_back({.kind = faults::Fault::Kind::outage, .from_us = at, .to_us = at});
    ASSERT_TRUE(load.wait_for_starts(at)) << "a worker stands still since a step to " << step / 1s << " s";
  }
  const TimePoint now = system_clock()->now();
  ASSERT_TRUE(wait_for_ticks(schedules, place().is_file() ? now + 23h : now));
  pause_all(schedules);
  load.finish(db);
  if (HasFatalFailure()) return;

  // The shim works: ids begin with the time of who made them.
  const auto tomorrow = JobId::make(db.clock().now() + 23h);
  EXPECT_TRUE(std::ranges::any_of(Admin{db}.list({}, {.limit = 1000}), [&](const Job& j) { return j.id > tomorrow; }));

  const faults::Figures f = judge_steps(wall, known);
  EXPECT_EQ(f.acknowledged, static_cast<std::size_t>(jobs));
  EXPECT_EQ(f.ended.count(faults::Why::outage), 0u) << "a step ended a lease";
  EXPECT_EQ(expect_no_early_tick(db), f.ticks);
  EXPECT_GT(f.ticks, 0u);
  std::cout << "clock, " << place().name << ": " << steps.size() << " steps, " << f.leases_ended << " leases ended"
            << std::endl;
}

/// The clock of the server itself. Where it jumps ahead, the leases of that moment end: their jobs may run again, each
/// with its cause. Nothing is lost, nothing runs without a cause, and nothing is early by the server's clock.
class SoakServerClock : public Anywhere {
 protected:
  void SetUp() override {
    std::string variables;
    for (const std::string& variable : wall_.environment()) variables += variable + " ";
    own_.emplace(place().service, variables);
  }
  void TearDown() override { own_.reset(); }
  [[nodiscard]] std::string server() const override { return own_->variable(place().variable); }

  WallClock wall_{path(".")};
  std::optional<OwnServices> own_;
};

TEST_P(SoakServerClock, StepsLoseNothing) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  constexpr std::int64_t jobs = 900;
  const std::vector<Duration> steps{5s, -5s, 1h, -1h, 24h};
  const Database db = open(url());
  db.migrate();
  Schedules schedules(db);
  sync(schedules, true);
  Load load(url(), records());
  load.start_workers(2, 8);
  Random random;
  load.start_producer(jobs, random.between(0, 1'000'000'000), {"pace=100", "delayed=10", "keepalive=5000"});
  std::vector<faults::Fault> known;
  for (const Duration& step : steps) {
    ASSERT_TRUE(load.wait_for_acknowledged(150 * static_cast<std::int64_t>(known.size() + 1)));
    const std::int64_t at = wall_.set(step);
    ASSERT_TRUE(load.wait_for_starts(at)) << "a worker stands still since a step to " << step / 1s << " s";
    // Who held a lease then loses it by the next sweep and is told by the next heartbeat.
    known.push_back({.kind = faults::Fault::Kind::outage, .from_us = at, .to_us = at + 2'000'000});
  }
  ASSERT_TRUE(wait_for_ticks(schedules, system_clock()->now() + 23h));
  pause_all(schedules);
  load.finish(db);
  if (HasFatalFailure()) return;
  auto run = evidence({.lease_us = 0, .recovery_us = soon.count()}, known);
  for (faults::Record& r : run.records) {
    if (r.what != faults::What::not_before) continue;
    r.value = static_cast<std::uint64_t>(wall_.earliest(r.at_us, static_cast<std::int64_t>(r.value)));
  }
  const faults::Figures f = judge_run(run);
  EXPECT_EQ(f.acknowledged, static_cast<std::size_t>(jobs));
  EXPECT_GT(f.leases_ended, 0u) << "the server's clock did not jump";
  // A tick that was due when a worker looked is fired by the next transaction, before which the clock may be put back:
  // so nothing is said here of when its job was created.
  EXPECT_GT(f.ticks_missed, 86'000) << "a day that nobody saw";
  std::cout << "clock of the server, " << place().name << ": " << steps.size() << " steps ended " << f.leases_ended
            << " leases" << std::endl;
}

SQLQ_PLACES(ClockSteps, SQLQ_EVERYWHERE);
SQLQ_PLACES(SoakServerClock, postgres_place, mariadb_place);

}  // namespace
}  // namespace sqlq::process
