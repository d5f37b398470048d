// Schedules whose workers are killed, on each database: each tick fires at most once, and none is passed over but by
// its policy.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "load.hpp"
#include "policies.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr int concurrency = 4;
constexpr Duration lease = 1s;
constexpr Duration bound = lease + 200ms + 50ms + 3s;  // and sweep, poll, what a machine takes that starts processes

/// For a second or so with 6 workers, or for as long as SQLQ_SOAK_SECONDS says with 20 (ci/soak: 60).
class TicksCrowd : public Anywhere {
 protected:
  static constexpr int turns = 5;

  /// No worker is there meanwhile.
  [[nodiscard]] bool wait_for_second_ticks() const {
    return eventually([&] {
      const auto all = schedules_.list();
      return std::ranges::all_of(all, [](const ScheduleState& s) {
        return system_clock()->now() > *s.schedule.start + Duration(1s);
      });
    });
  }
  void kill_some() {
    std::set<std::size_t> victims;
    for (auto n = random_.between(1, workers_ / 2); n > 0; --n) {
      victims.insert(static_cast<std::size_t>(random_.between(0, workers_ - 1)));
    }
    note(load_.replace_workers(victims, concurrency));
  }
  void note(const std::vector<faults::Fault>& killed) { killed_.insert(killed_.end(), killed.begin(), killed.end()); }

  const char* const soak_ = std::getenv("SQLQ_SOAK_SECONDS");
  const std::int64_t seconds_ = soak_ != nullptr ? std::stoll(soak_) : 1;
  const int workers_ = soak_ != nullptr ? 20 : 6;
  Random random_{};
  Load load_{url(), records()};
  std::vector<faults::Fault> killed_{};
  Database db_ = [this] {
    Database db = open(url());
    db.migrate();
    return db;
  }();
  Schedules schedules_{db_};
};

TEST_P(TicksCrowd, FireOnceWhoeverDies) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  RecordProperty("seed", std::to_string(seed()));
  const auto begin = system_clock()->steady();
  schedules_.sync(schedules_of_all_policies(system_clock()->now() + 1s, turns, lease));
  ASSERT_TRUE(wait_for_second_ticks());
  load_.start_workers(workers_, concurrency);
  std::int64_t ends = 0;
  for (std::int64_t kills = 8 * seconds_; kills > 0; --kills) {
    ends += random_.between(1, 4);
    ASSERT_TRUE(load_.wait_for_ends(ends)) << "no progress: " << load_.ended() << " jobs";
    kill_some();
  }
  ASSERT_TRUE(eventually([&] {
    const auto all = schedules_.list();
    return std::ranges::any_of(all, [](const ScheduleState& s) { return s.skipped > 0; });
  }));
  pause_all(schedules_);
  load_.finish(db_);

  // A machine that starts processes all the time may be too slow for leases of a second.
  const faults::Figures f =
      judge({.lease_us = lease.count(), .rescue_us = bound.count(), .unproved_percent = 100}, killed_);
  EXPECT_GT(f.ticks, 0u);
  EXPECT_GT(f.ticks_skipped, 0);
  EXPECT_GE(f.ticks_missed, turns) << "of the time before there were workers";
  std::cout << "ticks, " << place().name << ": " << workers_ << " workers, " << killed_.size() << " killed; "
            << std::chrono::duration<double>(system_clock()->steady() - begin).count() << " s" << std::endl;
}

SQLQ_PLACES(TicksCrowd, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
