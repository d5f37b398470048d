#pragma once
/// \file
/// What `doctor` finds about schedules.

#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/database.hpp>
#include <sqlq/finding.hpp>

namespace sqlq::client {

/// Finds schedules that do not fire as they should, among the first 10,000. The backend has the part Periodic. `now` is
/// that of the request, where a test owns the time.
void judge_schedules(const Database& db, const backend::Now& now, std::vector<Finding>& findings);

}  // namespace sqlq::client
