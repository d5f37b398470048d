#pragma once
/// \file
/// Whether jobs are the same in two databases, told job by job: for a target that has jobs of its own, and for the jobs
/// that `copy --move` may delete.

#include <cstdint>
#include <functional>
#include <vector>

#include <sqlq/database.hpp>
#include <sqlq/filter.hpp>
#include <sqlq/job.hpp>
#include <sqlq/stop_token.hpp>

namespace sqlq::tool {

struct Comparison {
  std::uint64_t same = 0;
  std::uint64_t missing = 0;    ///< not in the target
  std::uint64_t different = 0;  ///< in both, and not equal: changed on one side since it was copied
  std::uint64_t held = 0;       ///< running in the source: not compared
  std::vector<JobId> examples{};  ///< the first 10 that are different
  bool whole = true;              ///< false: stopped
};

/// Gets after each step what was found so far, and the ids of the step that are the same.
using ComparisonStep = std::function<void(const Comparison&, const std::vector<JobId>&)>;

/// All jobs of `source` that fit the filter, in steps of some hundred, newest first. Memory: one step. Errors: those of
/// Admin.
[[nodiscard]] Comparison compare_jobs(const Database& source, const Database& target, const JobFilter& filter,
                                      sqlq::stop_token stop, const ComparisonStep& on_step);

/// Calls `with` with the ids of those jobs of `source` that fit the filter and are in the target, in whatever state: in
/// steps of some hundred, newest first; it may delete them. Errors: those of Admin.
void for_those_in_both(const Database& source, const Database& target, const JobFilter& filter,
                       const std::function<void(const std::vector<JobId>&)>& with);

/// Whether two handles lead to the same database, by whatever names: a queue that is made in one is seen in the other.
/// Leaves no queue behind.
[[nodiscard]] bool same_database(const Database& source, const Database& target);

}  // namespace sqlq::tool
