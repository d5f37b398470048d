#pragma once
/// \file
/// What the library itself says of its jobs, for the checker.

#include <stdexcept>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "faults/rows.hpp"

namespace sqlq::process {

/// Every job with its history and the lines its handlers wrote.
inline std::vector<faults::Row> rows_of_library(const Database& db) {
  const Admin admin{db};
  std::vector<Job> jobs;
  for (Page page{.limit = 1000};; page.before = jobs.back().id) {
    const auto more = admin.list({}, page);
    jobs.insert(jobs.end(), more.begin(), more.end());
    if (more.size() < page.limit) break;
  }
  const auto text = [](auto n) { return std::to_string(static_cast<std::int64_t>(n)); };
  // In the form of queries' rows, so that there is one reader.
  const auto ask = [&](const std::string& query, const std::function<void(const faults::Texts&)>& row) {
    for (const Job& job : jobs) {
      const std::string id = job.id.to_string();
      if (query == "jobs") {
        row({id, text(job.state), job.queue, text(job.priority), text(job.attempt), text(job.max_attempts),
             text(job.crashes), text(job.max_crashes), text(job.claims), text(job.lease_token.value), job.unique_key,
             job.result});
      } else if (query == "history") {
        for (const AttemptRecord& line : admin.history(job.id, 1000)) {
          row({id, text(line.claim), text(line.attempt), text(line.cause), line.worker});
        }
      } else {
        for (const LogLine& line : admin.logs(job.id, {0, 0}, 10'000)) {
          if (line.level != LogLevel::warn) row({id, text(line.claim), line.text});
        }
      }
    }
  };
  return faults::read_rows(ask, {.jobs = "jobs", .history = "history", .logs = "logs"});
}

/// What the library counts, beside the rows.
inline std::vector<faults::Counter> counters_of(const Database& db, const std::vector<faults::Row>& rows) {
  std::vector<faults::Counter> counters;
  for (const auto& [state, count] : Admin{db}.counts({}, 1'000'000)) {
    const int number = static_cast<int>(state);
    std::int64_t recounted = 0;
    for (const faults::Row& row : rows) recounted += static_cast<int>(row.state) == number ? 1 : 0;
    counters.push_back({std::string(to_string(state)), static_cast<std::int64_t>(count.value), recounted});
  }
  return counters;
}

}  // namespace sqlq::process
