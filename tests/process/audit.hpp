#pragma once
/// \file
/// A way into a database beside the library: its client and nothing of ours that works with jobs. One connection: the
/// auditor's, who changes nothing, or that of an application with tables of its own.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sqlq/tx.hpp>

#include "faults/rows.hpp"
#include "faults/run.hpp"

namespace sqlq::process {

/// One thread at a time. Errors: std::runtime_error with the client's message.
class Audit {
 public:
  virtual ~Audit() = default;

  /// Runs a query and hands over its rows; NULL is an empty text.
  virtual void each(const std::string& query, const std::function<void(const faults::Texts&)>& row) = 0;
  /// What a table beside those of the library is called in a query.
  [[nodiscard]] virtual std::string named(const std::string& name) const { return name; }
  /// And one of the library: "jobs", "history", ...
  [[nodiscard]] std::string table(const std::string& name) const { return named("sqlq_" + name); }
  /// An id as a query shows it.
  [[nodiscard]] virtual std::string id(const std::string& column) const { return column; }
  /// How often the tables contradict each other, where they say things twice; nothing elsewhere.
  [[nodiscard]] virtual std::vector<faults::Counter> contradictions() { return {}; }
  /// The transaction that is open, for jobs.
  [[nodiscard]] virtual Tx tx() = 0;

  /// The first value, as text.
  std::string ask(const std::string& query) {
    std::string value;
    each(query, [&](const faults::Texts& row) {
      if (value.empty() && !row.empty()) value = row.front();
    });
    return value;
  }
};

/// By the URL's scheme. `url` is what the library is given.
[[nodiscard]] std::unique_ptr<Audit> open_audit(const std::string& url);

/// Every job with its history, the lines its handlers wrote, its durable steps and its signals.
inline std::vector<faults::Row> rows_of(Audit& audit) {
  const std::string id = audit.id("j.id");
  const std::string jobs = audit.table("jobs");
  return faults::read_rows(
      [&](const std::string& query, const auto& row) { audit.each(query, row); },
      {.jobs = "SELECT " + id + ", j.state, q.name, j.priority, j.attempt, j.max_attempts, j.crashes, j.max_crashes, "
               "j.claims, j.lease_token, j.unique_key, j.result, j.headers FROM " + jobs + " j JOIN " +
               audit.table("queues") + " q ON q.id = j.queue_id",
       .history = "SELECT " + id + ", h.claim, h.attempt, h.cause, h.worker, h.at_us FROM " + jobs +
                  " j JOIN " + audit.table("history") + " h ON h.job_seq = j.seq ORDER BY h.job_seq, h.n",
       .logs = "SELECT " + id + ", g.claim, g.text FROM " + jobs + " j JOIN " + audit.table("logs") +
               " g ON g.job_seq = j.seq WHERE g.level <> 3",
       .steps = "SELECT " + id + ", s.name, s.n, s.value, s.kind, s.claim FROM " + jobs + " j JOIN " +
                audit.table("steps") + " s ON s.job_seq = j.seq WHERE s.kind IN (1, 4, 5) ORDER BY s.job_seq, s.ord"});
}

/// How many jobs have not come to their end.
inline std::int64_t jobs_left(Audit& audit) {
  return std::stoll(audit.ask("SELECT count(*) FROM " + audit.table("jobs") + " WHERE state IN (1, 2, 5, 7, 8)"));
}

}  // namespace sqlq::process
