#pragma once
/// \file
/// Keys of a queue as they are now: their limits, and what keeps their jobs out.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/backend/extensions.hpp>
#include <sqlq/job.hpp>

#include "core/gate.hpp"

namespace sqlq::client {

/// As KeyStatus counts them.
inline constexpr std::uint64_t most_jobs_counted = 10'000;

/// The limits that hold for the key of this row.
[[nodiscard]] KeyLimits limits_of(const backend::GateRow& row, const KeyLimits& of_queue);

/// When its rate lets in one more: empty if it does so now, or has none. `inside`: of the jobs that were let in those
/// that are known.
[[nodiscard]] std::optional<TimePoint> rate_opens(const backend::GateRow& row, const KeyLimits& limits,
                                                  std::span<const core::InsideJob> inside, TimePoint now);

/// The key as an argument of a command, behind the queue as core::shell_operand.
[[nodiscard]] std::string shell_key(const std::string& queue, const std::string& key);

}  // namespace sqlq::client
