#pragma once
/// \file
/// What durable steps and signals may have as their values.

#include <cstddef>

#include <sqlq/enqueue.hpp>

namespace sqlq::core {

inline constexpr std::size_t max_step_bytes = std::size_t{1} << 20;

/// `limits` are those of params and results.
[[nodiscard]] inline PayloadLimits step_limits(PayloadLimits limits) noexcept {
  limits.max_bytes = max_step_bytes;
  return limits;
}

}  // namespace sqlq::core
