// Limits by key under kill -9 of workers and producers: no key is ever over its limit or its rate, and nobody waits for
// ever, judged from records the library had no hand in.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "load.hpp"
#include "orders.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr int workers = 3;
constexpr int concurrency = 8;
constexpr int customers = 25;
constexpr KeyLimits limits{.concurrency = 2, .rate = Rate{.count = 20, .per = 1s, .burst = 5}};
constexpr Duration lease = 1s;
constexpr Duration bound = lease + 200ms + 50ms + 3s;  // and sweep, poll, what a machine takes that starts processes

std::map<std::uint64_t, faults::KeyRules> rules() {
  std::map<std::uint64_t, faults::KeyRules> all;
  for (int i = 0; i < customers; ++i) {
    all[faults::hash_of("customer " + std::to_string(i))] = {.at_once = static_cast<int>(*limits.concurrency),
                                                             .starts = limits.rate->count,
                                                             .per_us = limits.rate->per.count()};
  }
  return all;
}

/// 800 jobs and 10 kills; or as many as SQLQ_SOAK_KILLS says, with 50 jobs for each (ci/soak: 300).
class Keys : public Anywhere {
 protected:
  /// Some workers or, now and then, the producer, while it is far from its end.
  void kill_some() {
    if (random_.between(0, 5) == 0 && load_.acknowledged() < jobs_ * 9 / 10) {
      note(load_.kill_producers());
      start_producer();
      return;
    }
    std::set<std::size_t> victims;
    for (auto n = random_.between(1, workers); n > 0; --n) {
      victims.insert(static_cast<std::size_t>(random_.between(0, workers - 1)));
    }
    note(load_.replace_workers(victims, concurrency));
  }
  void start_producer() {
    const std::int64_t left = std::max<std::int64_t>(jobs_ - load_.acknowledged(), 0);
    load_.start_producer(left, random_.between(0, 1'000'000'000),
                         {"customers=" + std::to_string(customers), "delayed=10", "transactions=20"});
  }
  void note(const std::vector<faults::Fault>& killed) { killed_.insert(killed_.end(), killed.begin(), killed.end()); }

  const char* const soak_ = std::getenv("SQLQ_SOAK_KILLS");
  const std::int64_t kills_ = soak_ != nullptr ? std::stoll(soak_) : 10;
  const std::int64_t jobs_ = soak_ != nullptr ? 50 * kills_ : 800;
  Random random_{};
  Load load_{url(), records()};
  std::vector<faults::Fault> killed_{};
};

TEST_P(Keys, AreNeverOverWhoeverDies) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  RecordProperty("seed", std::to_string(seed()));
  const auto begin = system_clock()->steady();
  const Database db = open(url());
  db.migrate();
  Orders(url()).make();
  Admin{db}.set_key_limits("default", limits);
  load_.start_workers(workers, concurrency);
  start_producer();
  for (std::int64_t kill = 1; kill <= kills_; ++kill) {
    ASSERT_TRUE(load_.wait_for_ends(kill * jobs_ * 9 / 10 / kills_)) << "no progress: " << load_.ended() << " jobs";
    kill_some();
  }
  load_.finish(db);
  if (HasFatalFailure()) return;

  Orders(url()).drop();
  const faults::Figures f = judge({.lease_us = lease.count(),
                                   .rescue_us = bound.count(),
                                   .keys = rules(),
                                   .unproved_percent = 100},
                                  killed_);
  EXPECT_EQ(f.keys, static_cast<std::size_t>(customers));
  EXPECT_EQ(f.most_of_key, static_cast<int>(*limits.concurrency)) << "no key was ever at its limit";
  EXPECT_GE(f.most_starts, limits.rate->burst);
  std::cout << "keys, " << place().name << ": " << killed_.size() << " killed; "
            << std::chrono::duration<double>(system_clock()->steady() - begin).count() << " s" << std::endl;
}

/// A fifth of the jobs goes back once, and those of killed workers do.
TEST_P(Keys, KeepTheirOrderWhoeverDies) {
  std::cout << "seed " << seed() << " (SQLQ_SEED=" << seed() << " repeats it)" << std::endl;
  RecordProperty("seed", std::to_string(seed()));
  constexpr int accounts = 8;
  constexpr std::int64_t jobs = 240;
  const Database db = open(url());
  db.migrate();
  Orders(url()).make();
  Admin{db}.set_key_limits("default", {.order = KeyOrder::strict});
  load_.start_producer(jobs, random_.between(0, 1'000'000'000),
                       {"customers=" + std::to_string(accounts), "transactions=20", "back=20"});
  load_.start_workers(4, concurrency);
  for (std::int64_t kill = 1; kill <= 4; ++kill) {
    ASSERT_TRUE(load_.wait_for_ends(kill * jobs / 5)) << "no progress: " << load_.ended() << " jobs";
    note(load_.replace_workers({static_cast<std::size_t>(random_.between(0, 3))}, concurrency));
  }
  load_.finish(db);
  if (HasFatalFailure()) return;

  Orders(url()).drop();
  std::map<std::uint64_t, faults::KeyRules> in_order;
  for (int i = 0; i < accounts; ++i) {
    in_order[faults::hash_of("customer " + std::to_string(i))] = {.at_once = 1, .in_order = true};
  }
  const faults::Figures f = judge({.lease_us = lease.count(),
                                   .rescue_us = bound.count(),
                                   .keys = in_order,
                                   .unproved_percent = 100},
                                  killed_);
  EXPECT_EQ(f.keys, std::size_t{accounts});
}

SQLQ_PLACES(Keys, SQLQ_EVERYWHERE);

}  // namespace
}  // namespace sqlq::process
