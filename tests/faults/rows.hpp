#pragma once
/// \file
/// Reads the jobs of a database with its own client, not with the library: four queries, whose columns are the same
/// for every database.

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "run.hpp"

namespace sqlq::faults {

/// A row of a query; NULL is an empty text.
using Texts = std::vector<std::string>;
/// Runs a query and hands over its rows.
using Ask = std::function<void(const std::string& query, const std::function<void(const Texts&)>& row)>;

struct RowQueries {
  /// id, state, queue, priority, attempt, max_attempts, crashes, max_crashes, claims, lease token, unique key, result,
  /// headers
  std::string jobs{};
  /// id, claim, attempt, cause, worker, time; oldest first
  std::string history{};
  /// id, claim, text; without the library's own lines
  std::string logs{};
  /// id, name, number, value; of durable steps that have run, and of signals
  std::string steps{};
};

[[nodiscard]] std::vector<Row> read_rows(const Ask& ask, const RowQueries& queries);

/// The process in the name of a worker: "process 17" of the tests' own, "host:17:tag" of the library's; else 0.
[[nodiscard]] std::int32_t pid_of_worker(std::string_view name);

}  // namespace sqlq::faults
