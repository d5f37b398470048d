#pragma once
/// \file
/// How many rows a job's steps may have, and how large their values may be.

#include <cstddef>
#include <cstdint>

#include <sqlq/enqueue.hpp>
#include <sqlq/error.hpp>

namespace sqlq::core {

inline constexpr std::int64_t most_steps = 10'000;

/// Throws Error(invalid_argument) when a job has so many rows that no other may be added.
inline void require_room_for_step(std::int64_t rows) {
  if (rows < most_steps) return;
  throw Error(Errc::invalid_argument, "the job has 10,000 steps, signals included, and cannot have more: do more in "
                                      "one step, or share the work among several jobs");
}

/// Of the value of a step or signal.
inline constexpr std::size_t max_step_bytes = std::size_t{1} << 20;

/// `limits` are those of params and results.
[[nodiscard]] inline PayloadLimits step_limits(PayloadLimits limits) noexcept {
  limits.max_bytes = max_step_bytes;
  return limits;
}

}  // namespace sqlq::core
