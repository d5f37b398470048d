// Many processes with many threads on one database.

#include <iostream>
#include <memory>

#include "child.hpp"
#include "place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr int limit = 3;
constexpr Duration soak = 10min;  // more than any SQLQ_SOAK_SECONDS

class Share : public Anywhere {
 protected:
  /// Starts so many mixers, lets them work, and audits what they did. No exception reaches any of their callers.
  void mix_and_audit(int processes, int threads, const std::string& amount);
};

void Share::mix_and_audit(int processes, int threads, const std::string& amount) {
  const Database db = open(url());
  db.migrate();
  Admin{db}.create_queue("limited", {.concurrency = limit});

  std::vector<std::unique_ptr<Child>> mixers;
  for (int i = 0; i < processes; ++i) {
    mixers.push_back(std::make_unique<Child>(
        "process_mixer",
        std::vector<std::string>{"url=" + url(), "records=" + records(), "threads=" + std::to_string(threads),
                                 amount}));
    ASSERT_EQ(mixers.back()->line(long_enough), "ready");
  }
  const auto begin = system_clock()->steady();
  for (const auto& mixer : mixers) mixer->tell("go");
  std::string slowest;
  for (const auto& mixer : mixers) {
    slowest += mixer->line(long_enough + soak).value_or("no answer") + "; ";
    const auto exit = mixer->wait(long_enough + soak);
    ASSERT_TRUE(exit.has_value());
    EXPECT_TRUE(exit->with_code(0)) << exit->to_string();
  }
  const auto took = std::chrono::duration<double>(system_clock()->steady() - begin).count();

  const auto number = faults::queue_number("limited");
  const faults::Figures f = judge({.lease_us = 30'000'000, .limits = {{number, limit}, {faults::queue_number("free"),
                                                                                       1'000'000}}});
  EXPECT_GT(f.acknowledged, 0u);
  EXPECT_EQ(f.unknown, 0u);
  EXPECT_EQ(f.executed_once, f.acknowledged);
  EXPECT_GT(f.most_held.at(faults::queue_number("free")), 1) << "the processes did not work at the same time";
  std::cout << "share, " << place().name << ": " << processes << " x " << threads << " threads in " << took
            << " s, at most " << f.most_held.at(number) << " of " << limit << " held in the limited queue; " << slowest
            << std::endl;
}

TEST_P(Share, TwoProcessesWithSixteenThreads) { mix_and_audit(2, 16, "rounds=40"); }

/// For 3 seconds, or as long as SQLQ_SOAK_SECONDS says (ci/soak: 60).
class Crowd : public Share {};

TEST_P(Crowd, EightProcessesWithEightThreads) {
  const char* seconds = std::getenv("SQLQ_SOAK_SECONDS");
  mix_and_audit(8, 8, std::string("seconds=") + (seconds != nullptr ? seconds : "3"));
}

SQLQ_PLACES(Share, sqlite_normal_place, SQLQ_EVERYWHERE);
SQLQ_PLACES(Crowd, SQLQ_ALL_SERVERS);

}  // namespace
}  // namespace sqlq::process
