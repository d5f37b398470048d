// kill -9 of workers and of the producer at random moments, judged from records the library had no hand in.

#include <algorithm>
#include <iostream>
#include <set>
#include <vector>

#include "helper.hpp"
#include "load.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr int producer_kills = 10;

// An execution cut short begins again when its lease has ended (keepalive, renewed at the latest before the death), the
// next sweep has found it and the next look for work has claimed it. To that comes what a busy machine takes: a process
// started anew, the WAL recovered, a slot to become free.
constexpr Duration lease = 1s;
constexpr Duration sweep = 200ms;
constexpr Duration poll = 50ms;
constexpr Duration machine = 1s;

class Kill : public Anywhere {
 protected:
  static constexpr int concurrency = 8;
  /// A file has to be recovered after each kill; a server notices little of them, so a part of it is enough there.
  [[nodiscard]] std::int64_t jobs() const { return place().is_file() ? 5000 : 2000; }
  [[nodiscard]] int kills() const { return place().is_file() ? 200 : 30; }

  void note(const std::vector<faults::Fault>& killed) { killed_.insert(killed_.end(), killed.begin(), killed.end()); }

  /// Sorted, over the whole run: after how many jobs to kill.
  [[nodiscard]] std::vector<std::int64_t> moments(int n, std::int64_t most) {
    std::vector<std::int64_t> all;
    for (int i = 0; i < n; ++i) all.push_back(random_.between(0, most));
    std::ranges::sort(all);
    return all;
  }

  void start_producer(std::int64_t n) { load_.start_producer(n, random_.between(0, 1'000'000'000)); }

  void kill_producers_until_all_is_enqueued() {
    start_producer(jobs());
    for (const auto after : moments(producer_kills, jobs() * 9 / 10)) {
      ASSERT_TRUE(load_.wait_for_acknowledged(after));
      note(load_.kill_producers());
      start_producer(jobs() - load_.acknowledged());
    }
    ASSERT_TRUE(load_.wait_for_acknowledged(jobs()));
  }

  /// One of the workers, the other, or both: when nobody is left, the next one to open the file has to recover the WAL.
  void kill_workers() {
    const auto pick = random_.between(0, 2);
    const std::set<std::size_t> victims = pick == 2 ? std::set<std::size_t>{0, 1}
                                                    : std::set<std::size_t>{static_cast<std::size_t>(pick)};
    note(load_.replace_workers(victims, concurrency));
  }

  Random random_;
  Load load_{url(), records()};
  std::vector<faults::Fault> killed_;
};

TEST_P(Kill, AtRandomMomentsLosesNothingAndExplainsEverything) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  RecordProperty("seed", std::to_string(seed()));
  open(url()).migrate();  // and closed again: from now on only the processes that are killed have the file open
  const auto begin = system_clock()->steady();

  load_.start_workers(2, concurrency);
  kill_producers_until_all_is_enqueued();
  if (HasFatalFailure()) return;
  for (const auto after : moments(kills(), jobs() * 97 / 100)) {
    ASSERT_TRUE(load_.wait_for_ends(after)) << "no progress: " << load_.ended() << " jobs";
    work_for(Duration(random_.between(0, 5000)));
    kill_workers();
  }
  load_.finish(open(url()));
  const auto took = std::chrono::duration<double>(system_clock()->steady() - begin).count();

  const Duration bound = lease + sweep + poll + machine;
  const faults::Figures f =
      judge({.lease_us = lease.count(), .rescue_us = bound.count(), .unproved_percent = 10}, killed_);
  EXPECT_EQ(f.acknowledged, static_cast<std::size_t>(jobs()));
  EXPECT_FALSE(f.rescues_us.empty());
  EXPECT_GT(f.log_lines, 0u);
  std::cout << "kill, " << place().name << ": " << kills() << " moments, " << killed_.size() - producer_kills
            << " workers, " << producer_kills << " producers; " << took << " s" << std::endl;
}

/// A backlog and so many slots that claims and writes of outcomes are made two at a time.
TEST_P(Kill, OfAWorkerWithManySlotsLosesNothing) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  RecordProperty("seed", std::to_string(seed()));
  constexpr int slots = 512;
  constexpr std::int64_t backlog = 5000;
  open(url()).migrate();
  start_producer(backlog);
  ASSERT_TRUE(load_.wait_for_acknowledged(backlog));

  load_.start_workers(1, slots);
  const auto begin = system_clock()->steady();
  for (const auto after : moments(5, backlog * 9 / 10)) {
    ASSERT_TRUE(load_.wait_for_ends(after)) << "no progress: " << load_.ended() << " jobs";
    note(load_.replace_workers({0}, slots));
  }
  const Duration killing = system_clock()->steady() - begin;
  load_.finish(open(url()));

  // Some thousand threads have come and gone; and the only worker, which could rescue, may be the next to be killed.
  const Duration bound = lease + sweep + poll + 3 * machine + killing;
  const faults::Figures f =
      judge({.lease_us = lease.count(), .rescue_us = bound.count(), .unproved_percent = 10}, killed_);
  EXPECT_EQ(f.acknowledged, static_cast<std::size_t>(backlog));
  EXPECT_GT(f.rescues_us.size(), std::size_t{slots});
}

SQLQ_PLACES(Kill, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
