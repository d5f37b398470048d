#pragma once
/// \file
/// What durable steps and signals may have as their values.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/enqueue.hpp>
#include <sqlq/job.hpp>

namespace sqlq::core {

inline constexpr std::size_t max_step_bytes = std::size_t{1} << 20;

/// `limits` are those of params and results.
[[nodiscard]] inline PayloadLimits step_limits(PayloadLimits limits) noexcept {
  limits.max_bytes = max_step_bytes;
  return limits;
}

/// The value of a row StepKind::children: a JSON array of ids.
[[nodiscard]] std::string ids_text(std::span<const JobId> ids);
/// Empty for what is none.
[[nodiscard]] std::vector<JobId> read_ids(std::string_view text);

}  // namespace sqlq::core
