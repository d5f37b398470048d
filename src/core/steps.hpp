#pragma once
/// \file
/// How many rows a job's steps may have.

#include <cstdint>

#include <sqlq/error.hpp>

namespace sqlq::core {

inline constexpr std::int64_t most_steps = 10'000;

/// Throws Error(invalid_argument) when a job has so many rows that no other may be added.
inline void require_room_for_step(std::int64_t rows) {
  if (rows < most_steps) return;
  throw Error(Errc::invalid_argument, "the job has 10,000 steps, signals included, and cannot have more: do more in "
                                      "one step, or share the work among several jobs");
}

}  // namespace sqlq::core
