#pragma once
/// \file
/// How long a finished job stays.

#include <chrono>
#include <optional>

#include <sqlq/job.hpp>

namespace sqlq::core {

/// The longest retention that is stored: a thousand years.
inline constexpr Duration longest_retention = std::chrono::hours(24) * 365'000;

/// When the job may be purged: its retention, or that of its state, after it finished. Empty for one that is live.
[[nodiscard]] inline std::optional<TimePoint> expires_at(const Job& job) noexcept {
  if (!is_finished(job.state)) return std::nullopt;
  const Duration usual = job.state == JobState::errored ? std::chrono::days(7) : std::chrono::hours(24);
  return saturating_add(job.finished_at.value_or(job.queued_at), job.retention.value_or(usual));
}

}  // namespace sqlq::core
