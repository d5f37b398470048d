#pragma once
/// \file
/// What a JobFilter means.

#include <span>

#include <sqlq/export.hpp>
#include <sqlq/filter.hpp>
#include <sqlq/job.hpp>

namespace sqlq::core {

/// Whether the job fits the filter. `history`: its lines, oldest first; only the last one matters, and only to
/// JobFilter::error. Thread-safety: a pure function. Cost: a look at each id and name of the filter.
[[nodiscard]] SQLQ_API bool matches(const JobFilter& filter, const Job& job, std::span<const AttemptRecord> history);

}  // namespace sqlq::core
