#pragma once
/// \file
/// Workers and a producer, in processes of their own, while a test breaks what is around them.

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "child.hpp"
#include "place.hpp"

namespace sqlq::process {

/// One thread.
class Load {
 public:
  using Words = std::vector<std::string>;

  /// `environment` (NAME=value) is added to that of the processes.
  Load(std::string url, std::string records, Words environment = {})
      : url_(std::move(url)), records_(records), environment_(std::move(environment)), reader_(std::move(records)) {}

  /// Waits until it is ready.
  void start_worker(const std::string& url, int concurrency = 4) {
    workers_.push_back(new_worker(url, concurrency));
    EXPECT_EQ(workers_.back().line(long_enough), "ready");
  }
  void start_workers(int n, int concurrency = 4) {
    for (int i = 0; i < n; ++i) start_worker(url_, concurrency);
  }
  /// `more`: further arguments of process_producer.
  void start_producer(std::int64_t jobs, std::int64_t seed, const Words& more = {}) {
    start_producer(url_, jobs, seed, more);
  }
  void start_producer(const std::string& url, std::int64_t jobs, std::int64_t seed, const Words& more) {
    Words words{"url=" + url, "records=" + records_, "jobs=" + std::to_string(jobs), "seed=" + std::to_string(seed)};
    words.insert(words.end(), more.begin(), more.end());
    producers_.emplace_back("process_producer", words, environment_);
  }

  /// Until so many handlers have come to their end.
  [[nodiscard]] bool wait_for_ends(std::int64_t n) {
    return eventually([&] {
      read();
      return ended_ >= n;
    });
  }
  /// Until so many jobs were acknowledged.
  [[nodiscard]] bool wait_for_acknowledged(std::int64_t n) {
    return eventually([&] {
      read();
      return acknowledged_ >= n;
    });
  }
  /// Until each worker has begun a job after the moment.
  [[nodiscard]] bool wait_for_starts(std::int64_t after_us) {
    return eventually([&] {
      read();
      return std::ranges::all_of(workers_, [&](const Child& w) { return last_start_[w.pid()] > after_us; });
    });
  }
  /// Has anybody begun a job after the moment?
  [[nodiscard]] bool any_start_after(std::int64_t moment_us) {
    read();
    return std::ranges::any_of(last_start_, [&](const auto& last) { return last.second > moment_us; });
  }
  /// Waits until the producers have given up, for an error that is not worth another try. They are forgotten then.
  [[nodiscard]] bool producers_fail() {
    const bool all = std::ranges::all_of(producers_, [](Child& producer) {
      const auto exit = producer.wait(long_enough);
      return exit && exit->with_code(3);
    });
    producers_.clear();
    return all;
  }
  /// Asks the producers to end; finish() waits for them.
  void stop_producers() {
    for (Child& producer : producers_) producer.signal(SIGTERM);
  }
  /// kill -9 of all workers. They are forgotten then.
  std::vector<faults::Fault> kill_workers() { return kill(std::exchange(workers_, {})); }
  /// kill -9 of some, by their places in workers(), all at once. New ones come after the others; they may not be ready.
  std::vector<faults::Fault> replace_workers(const std::set<std::size_t>& which, int concurrency) {
    std::vector<Child> victims;
    std::vector<Child> others;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      (which.contains(i) ? victims : others).push_back(std::move(workers_[i]));
    }
    workers_ = std::move(others);
    auto killed = kill(std::move(victims));
    for (std::size_t i = 0; i < killed.size(); ++i) workers_.push_back(new_worker(url_, concurrency));
    return killed;
  }
  std::vector<faults::Fault> kill_producers() { return kill(std::exchange(producers_, {})); }
  [[nodiscard]] std::int64_t acknowledged() {
    read();
    return acknowledged_;
  }
  [[nodiscard]] std::int64_t ended() const noexcept { return ended_; }
  [[nodiscard]] std::vector<Child>& workers() noexcept { return workers_; }

  /// Waits until the producers have said what they had to say and nothing is left to do, and ends the workers in order.
  /// Also those jobs count whose producer was never told that they are there. What does not work is a failure.
  void finish(const Database& db) {
    for (Child& producer : producers_) {
      const auto exit = producer.wait(long_enough);
      ASSERT_TRUE(exit && exit->with_code(0)) << "a producer gave up";
    }
    const auto left = [&](std::uint64_t cap) {
      auto counts = Admin{db}.counts({}, cap);
      return counts[JobState::pending].value + counts[JobState::scheduled].value + counts[JobState::running].value +
             counts[JobState::waiting].value;
    };
    // Each question costs the database time that the workers do not get.
    ASSERT_TRUE(eventually([&] { return is_quiet() && left(1) == 0; })) << left(10000) << " jobs are left";
    for (Child& worker : workers_) {
      worker.signal(SIGTERM);
      const auto exit = worker.wait(long_enough);
      EXPECT_TRUE(exit && exit->with_code(0)) << "a worker did not end in order";
    }
  }

 private:
  [[nodiscard]] Child new_worker(const std::string& url, int concurrency) const {
    return {"process_worker",
            Words{"url=" + url, "records=" + records_, "concurrency=" + std::to_string(concurrency), "sweep=200",
                  "poll=50"},
            environment_};
  }
  /// All at once; they must be alive.
  static std::vector<faults::Fault> kill(std::vector<Child> victims) {
    std::vector<faults::Fault> killed;
    for (const Child& victim : victims) {
      const auto now = faults::steady_us();
      killed.push_back({.kind = faults::Fault::Kind::killed, .pid = victim.pid(), .from_us = now, .to_us = now});
      victim.signal(SIGKILL);
    }
    for (Child& victim : victims) {
      const Exit exit = victim.kill_hard();
      EXPECT_TRUE(exit.by_signal(SIGKILL)) << "a process ended before it was killed: " << exit.to_string();
    }
    return killed;
  }
  /// Whether no job has ended for a while.
  bool is_quiet() {
    const std::int64_t before = ended_;
    read();
    const auto now = faults::steady_us();
    if (ended_ != before) last_end_us_ = now;
    return now - last_end_us_ > 200'000;
  }
  void read() {
    for (const faults::Record& r : reader_.more()) {
      if (r.what == faults::What::end) ++ended_;
      if (r.what == faults::What::enqueued) ++acknowledged_;
      if (r.what == faults::What::start) last_start_[r.pid] = r.at_us;
    }
  }

  std::string url_;
  std::string records_;
  Words environment_;
  faults::RecordReader reader_;
  std::vector<Child> workers_;
  std::vector<Child> producers_;
  std::int64_t ended_ = 0;
  std::int64_t acknowledged_ = 0;
  std::int64_t last_end_us_ = 0;  // when is_quiet saw one
  std::map<std::int32_t, std::int64_t> last_start_;
};

}  // namespace sqlq::process
