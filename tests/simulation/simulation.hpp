#pragma once
// A whole system of processes on one storage, driven by one seed.

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "simulation/ledger.hpp"

namespace sqlq::simulation {

struct Report {
  std::string breach{};      ///< empty: all invariants held
  std::uint64_t digest = 0;  ///< of all that happened
  std::size_t jobs = 0;
  std::size_t kills = 0, pauses = 0;
  std::size_t mishaps = 0;    ///< faults, kills, pauses, what operators did and so on
  std::size_t occasions = 0;  ///< for mishaps; each has a number below this
  Ledger::Figures figures{};
};

/// First the safety phase: several workers and producers take steps in an order that is left to chance, while calls
/// fail, processes die, stand still and are replaced, the wall clock is stepped, operators cancel, pause and limit.
/// Then the liveness phase: nothing fails any more, and within a bounded time every job must have ended. The same seed
/// does the same again. `trace` is called with a line for everything that happens. The occasions for mishaps whose
/// numbers are `left_out` are let pass.
[[nodiscard]] Report run(std::uint64_t seed, const std::function<void(const std::string&)>& trace = {},
                         const std::set<std::size_t>& left_out = {});

}  // namespace sqlq::simulation
