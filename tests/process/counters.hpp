#pragma once
/// \file
/// What the library counts, beside a recount of the rows, and what its tables say twice, for the checker.

#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "audit.hpp"
#include "faults/run.hpp"

namespace sqlq::process {

inline std::vector<faults::Counter> counters_of(const Database& db, Audit& audit,
                                                const std::vector<faults::Row>& rows) {
  std::vector<faults::Counter> counters = audit.contradictions();
  for (const auto& [state, count] : Admin{db}.counts({}, 1'000'000)) {
    const int number = static_cast<int>(state);
    std::int64_t recounted = 0;
    for (const faults::Row& row : rows) recounted += static_cast<int>(row.state) == number ? 1 : 0;
    counters.push_back({std::string(to_string(state)), static_cast<std::int64_t>(count.value), recounted});
  }
  return counters;
}

}  // namespace sqlq::process
