// The simulation on many seeds.
//
//   SQLQ_SIMULATION_SEED=n     only this seed, with everything that happens printed when it fails
//   SQLQ_SIMULATION_SEEDS=n    this many seeds instead of the usual few, beginning with a random one

#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "simulation/simulation.hpp"

namespace sqlq::simulation {
namespace {

constexpr std::uint64_t usual_seeds = 500;
constexpr std::size_t lines_shown = 60;

std::uint64_t number_of(const char* variable) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  return text == nullptr ? 0 : std::stoull(text);
}

/// The last things that happened in a run of this seed.
std::string story_of(std::uint64_t seed) {
  std::deque<std::string> lines;
  static_cast<void>(run(seed, [&](const std::string& line) {
    lines.push_back(line);
    if (lines.size() > lines_shown) lines.pop_front();
  }));
  std::string story;
  for (const std::string& line : lines) story += line + "\n";
  return story;
}

/// A run in which all invariants must hold.
Report hold(std::uint64_t seed) {
  const Report report = run(seed);
  if (!report.breach.empty()) {
    ADD_FAILURE() << report.breach << "\nrepeat it: SQLQ_SIMULATION_SEED=" << seed
                  << " build/dev/tests/simulation_tests --gtest_filter=Simulation.ManySeeds\n"
                  << "keep it: add the line '" << seed << " <invariant>: <what it was>' to "
                  << "tests/simulation/regressions.txt\n"
                  << story_of(seed);
  }
  return report;
}

}  // namespace

TEST(Simulation, SeedsThatFoundSomething) {
  std::ifstream list(SQLQ_SIMULATION_REGRESSIONS);
  ASSERT_TRUE(list) << "the list of seeds is not where it was: " << SQLQ_SIMULATION_REGRESSIONS;
  std::string line;
  while (std::getline(list, line)) {
    if (line.empty() || line[0] == '#') continue;
    SCOPED_TRACE(line);
    hold(std::stoull(line));
  }
}

TEST(Simulation, ManySeeds) {
  const std::uint64_t only = number_of("SQLQ_SIMULATION_SEED");
  const std::uint64_t many = number_of("SQLQ_SIMULATION_SEEDS");
  const std::uint64_t first = only != 0 ? only : many != 0 ? std::random_device{}() : 1;
  const std::uint64_t count = only != 0 ? 1 : many != 0 ? many : usual_seeds;
  Report sum;
  for (std::uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    const Report report = hold(seed);
    sum.digest = sum.digest * 31 + report.digest;
    sum.jobs += report.jobs;
    sum.kills += report.kills;
    sum.pauses += report.pauses;
    sum.figures.executions += report.figures.executions;
    sum.figures.reaped += report.figures.reaped;
    sum.figures.stale += report.figures.stale;
    sum.figures.replays += report.figures.replays;
  }
  std::cout << count << " seeds from " << first << ": " << sum.jobs << " jobs, " << sum.figures.executions
            << " executions, " << sum.kills << " kills, " << sum.pauses << " pauses, " << sum.figures.reaped
            << " leases taken back, " << sum.figures.stale << " late outcomes refused, " << sum.figures.replays
            << " outcomes written twice; digest " << sum.digest << "\n";
  if (only != 0) return;
  EXPECT_GT(sum.kills, 0u);
  EXPECT_GT(sum.figures.reaped, 0u);
  EXPECT_GT(sum.figures.stale, 0u);
  EXPECT_GT(sum.figures.replays, 0u);
}

TEST(Simulation, ASeedDoesTheSameAgain) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Report once = run(seed);
    const Report again = run(seed);
    EXPECT_EQ(once.digest, again.digest) << seed;
    EXPECT_EQ(once.figures.executions, again.figures.executions) << seed;
  }
  EXPECT_NE(run(1).digest, run(2).digest);
}

}  // namespace sqlq::simulation
