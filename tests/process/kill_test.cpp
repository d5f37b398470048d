// kill -9 of workers and of the producer at random moments, judged from records the library had no hand in.

#include <array>
#include <iostream>
#include <memory>
#include <set>

#include "child.hpp"
#include "place.hpp"

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
  /// A file has to be recovered after each kill; a server notices little of them, so a part of it is enough there.
  [[nodiscard]] std::int64_t jobs() const { return place().is_file() ? 5000 : 2000; }
  [[nodiscard]] int kills() const { return place().is_file() ? 200 : 30; }

  [[nodiscard]] std::unique_ptr<Child> start_worker() const {
    return std::make_unique<Child>("process_worker",
                                   std::vector<std::string>{"url=" + url(), "records=" + records(), "concurrency=8",
                                                            "sweep=200", "poll=50"});
  }

  [[nodiscard]] std::unique_ptr<Child> start_producer(std::int64_t n) {
    const auto seed = random_.between(0, 1'000'000'000);
    return std::make_unique<Child>(
        "process_producer", std::vector<std::string>{"url=" + url(), "records=" + records(),
                                                     "jobs=" + std::to_string(n), "seed=" + std::to_string(seed)});
  }

  void read_records() {
    for (const faults::Record& r : reader_.more()) {
      if (r.what == faults::What::end) ended_.insert(r.id);
      if (r.what == faults::What::enqueued) ++acknowledged_;
    }
  }

  /// Waits until so many jobs have come to the end of their handler, and then for another moment.
  [[nodiscard]] bool wait_for_progress(std::int64_t n) {
    const bool there = eventually([&] {
      read_records();
      return static_cast<std::int64_t>(ended_.size()) >= n;
    });
    const auto clock = system_clock();
    const auto until = saturating_add(clock->steady(), Duration(random_.between(0, 5000)));
    clock->make_signal()->wait_until(until);
    return there;
  }

  /// All at once: when nobody is left, the next one to open the file has to recover the WAL.
  void kill(const std::vector<Child*>& victims) {
    for (Child* victim : victims) {
      const auto now = faults::steady_us();
      killed_.push_back({.kind = faults::Fault::Kind::killed, .pid = victim->pid(), .from_us = now, .to_us = now});
      victim->signal(SIGKILL);
    }
    for (Child* victim : victims) {
      const Exit exit = victim->kill_hard();
      EXPECT_TRUE(exit.by_signal(SIGKILL)) << "a process ended before it was killed: " << exit.to_string();
    }
  }

  /// One of the workers, the other, or both.
  void kill_workers(std::array<std::unique_ptr<Child>, 2>& workers) {
    const auto pick = random_.between(0, 2);
    std::vector<Child*> victims;
    if (pick != 1) victims.push_back(workers[0].get());
    if (pick != 0) victims.push_back(workers[1].get());
    kill(victims);
    for (auto& worker : workers) {
      if (worker->ended()) worker = start_worker();
    }
  }

  /// Sorted, over the whole run: after how many jobs to kill.
  [[nodiscard]] std::vector<std::int64_t> moments(int n, std::int64_t most) {
    std::vector<std::int64_t> all;
    for (int i = 0; i < n; ++i) all.push_back(random_.between(0, most));
    std::ranges::sort(all);
    return all;
  }

  void kill_producers_until_all_is_enqueued() {
    auto producer = start_producer(jobs());
    for (const auto after : moments(producer_kills, jobs() * 9 / 10)) {
      ASSERT_TRUE(eventually([&] {
        read_records();
        return acknowledged_ >= after;
      }));
      kill({producer.get()});
      read_records();
      producer = start_producer(jobs() - acknowledged_);
    }
    const auto exit = producer->wait(long_enough);
    ASSERT_TRUE(exit && exit->with_code(0));
    read_records();
    ASSERT_EQ(acknowledged_, jobs());
  }

  Random random_;
  faults::RecordReader reader_{records()};
  std::set<faults::Id> ended_;
  std::int64_t acknowledged_ = 0;
  std::vector<faults::Fault> killed_;
};

TEST_P(Kill, AtRandomMomentsLosesNothingAndExplainsEverything) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  RecordProperty("seed", std::to_string(seed()));
  open(url()).migrate();  // and closed again: from now on only the processes that are killed have the file open
  const auto begin = system_clock()->steady();

  std::array<std::unique_ptr<Child>, 2> workers{start_worker(), start_worker()};
  kill_producers_until_all_is_enqueued();
  for (const auto after : moments(kills(), jobs() * 97 / 100)) {
    ASSERT_TRUE(wait_for_progress(after)) << "no progress: " << ended_.size() << " jobs";
    kill_workers(workers);
  }

  const Database db = open(url());
  // Also those whose producer was killed before it was told that they are there.
  const auto left = [&] {
    auto counts = Admin{db}.counts({}, 10000);
    return counts[JobState::pending].value + counts[JobState::scheduled].value + counts[JobState::running].value;
  };
  ASSERT_TRUE(eventually([&] { return left() == 0; })) << left() << " jobs are left";
  for (auto& worker : workers) {
    worker->signal(SIGTERM);
    const auto exit = worker->wait(long_enough);
    EXPECT_TRUE(exit && exit->with_code(0));
  }
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

SQLQ_PLACES(Kill, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
