// The simulation on many seeds.
//
//   SQLQ_SIMULATION_SEED=n     only this seed
//   SQLQ_SIMULATION_SEEDS=n    this many seeds instead of the usual few, beginning with a random one
//
// Of a seed that fails the last things that happened are printed, with only as many mishaps as its failure needs.

#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "simulation/minimise.hpp"
#include "simulation/simulation.hpp"

namespace sqlq::simulation {
namespace {

constexpr std::uint64_t usual_seeds = 500;
constexpr std::size_t lines_shown = 60;

std::uint64_t number_of(const char* variable) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  return text == nullptr ? 0 : std::stoull(text);
}

/// Which invariant was broken.
std::string kind_of(const std::string& breach) { return breach.substr(0, breach.find(' ')); }

/// The last things that happened in a run of this seed, without the mishaps that its failure does not need.
std::string story_of(std::uint64_t seed, const Report& failed) {
  const auto left_out = needless([&](const auto& without) {
    const Report report = run(seed, {}, without);
    return kind_of(report.breach) == kind_of(failed.breach) ? std::optional(report.occasions) : std::nullopt;
  });
  std::deque<std::string> lines;
  const Report least = run(
      seed,
      [&](const std::string& line) {
        lines.push_back(line);
        if (lines.size() > lines_shown) lines.pop_front();
      },
      left_out);
  std::string story = "with " + std::to_string(least.mishaps) + " of " +
                      std::to_string(failed.mishaps) + " mishaps: " + least.breach + "\n";
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
                  << story_of(seed, report);
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
    sum.figures.replaced += report.figures.replaced;
    sum.figures.steps += report.figures.steps;
    sum.figures.late_steps += report.figures.late_steps;
    sum.figures.signals += report.figures.signals;
    sum.figures.received += report.figures.received;
    sum.figures.expired += report.figures.expired;
    sum.figures.ticks += report.figures.ticks;
  }
  std::cout << count << " seeds from " << first << ": " << sum.jobs << " jobs, " << sum.figures.executions
            << " executions, " << sum.kills << " kills, " << sum.pauses << " pauses, " << sum.figures.reaped
            << " leases taken back, " << sum.figures.stale << " late outcomes refused, " << sum.figures.replays
            << " outcomes written twice, " << sum.figures.replaced << " jobs in the places of others; "
            << sum.figures.steps << " steps recorded, " << sum.figures.late_steps << " late ones refused, "
            << sum.figures.signals << " signals stored, " << sum.figures.received << " received, "
            << sum.figures.expired << " waits expired, " << sum.figures.ticks << " ticks; digest " << sum.digest
            << "\n";
  if (only != 0) return;
  EXPECT_GT(sum.kills, 0u);
  EXPECT_GT(sum.figures.reaped, 0u);
  EXPECT_GT(sum.figures.stale, 0u);
  EXPECT_GT(sum.figures.replays, 0u);
  EXPECT_GT(sum.figures.replaced, 0u);
  EXPECT_GT(sum.figures.steps, 0u);
  EXPECT_GT(sum.figures.late_steps, 0u);
  EXPECT_GT(sum.figures.received, 0u);
  EXPECT_GT(sum.figures.expired, 0u);
  EXPECT_GT(sum.figures.ticks, 0u);
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

TEST(Simulation, OfAFailureOnlyTheMishapsItNeedsAreLeft) {
  using Set = std::set<std::size_t>;
  const auto needs_two = [](const Set& out) -> std::optional<std::size_t> {
    if (out.contains(1) || out.contains(3)) return {};
    return 5;
  };
  EXPECT_EQ(needless(needs_two), (Set{0, 2, 4}));
  const auto has_more_then = [](const Set& out) -> std::optional<std::size_t> { return out.contains(1) ? 4 : 2; };
  EXPECT_EQ(needless(has_more_then), (Set{0, 1, 2, 3}));

  // As if it were a failure that a process is killed.
  std::uint64_t seed = 1;
  while (run(seed).kills < 3) ++seed;
  const auto left_out = needless([seed](const Set& out) {
    const Report report = run(seed, {}, out);
    return report.kills > 0 ? std::optional(report.occasions) : std::nullopt;
  });
  const Report least = run(seed, {}, left_out);
  EXPECT_EQ(least.kills, 1u);
  EXPECT_LT(least.mishaps * 4, run(seed).mishaps);
}

}  // namespace sqlq::simulation
