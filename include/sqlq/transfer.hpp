#pragma once
/// \file
/// Jobs on their way to another database, or into a file and back: with histories, logs, results, unique keys, headers,
/// durable steps and the settings of their queues.
///
/// The stream is text, one JSON object a line, in the order of the jobs' ids (docs/transfer.md has every field):
///
///     {"sqlq":1}
///     {"queue":{"name":"mail","description":"","concurrency":null,"priority":1,"paused":false}}
///     {"job":{"id":"0197...","queue":"mail","kind":"send_mail","state":"errored",...,"history":[...],"log":[...]}}
///     {"end":{"queues":1,"jobs":1,"checksum":"9f86d081884c7d65"}}
///
/// The same jobs make the same text on every database. Times are microseconds since 1970, UTC. A line is read by a
/// later version of the library with the same number in "sqlq", and unknown fields are refused by name.
///
/// Jobs that are held (running, cancelling) stay where they are: a job has one owner. They are counted. Their history
/// goes with them once they have ended.

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/database.hpp>
#include <sqlq/export.hpp>
#include <sqlq/filter.hpp>
#include <sqlq/job.hpp>
#include <sqlq/stop_token.hpp>

namespace sqlq {

/// A job that was not stored, and why.
struct TransferProblem {
  JobId id{};         ///< of the job
  std::string why{};  ///< one line, no payload
};

/// What was done so far, or in all.
struct TransferReport {
  std::uint64_t queues = 0;     ///< written, or stored; a queue that is there gets the settings of the stream
  std::uint64_t jobs = 0;       ///< written, or read from the stream
  std::uint64_t stored = 0;     ///< of those: new in the target
  std::uint64_t existing = 0;   ///< there already by their id: nothing changed
  std::uint64_t conflicts = 0;  ///< a live job in the target has their unique key: not stored
  std::uint64_t refused = 0;    ///< the target's database refuses them for good, or its backend has no place for their
                                ///< headers or steps: not stored; or they have no line (longer than 64 MiB, no UTF-8):
                                ///< not written
  std::uint64_t held = 0;       ///< running in the source: left there
  std::vector<TransferProblem> problems{};  ///< the first 100 of conflicts and refused ones
  std::string checksum{};       ///< of the jobs written or read; 16 hexadecimal digits
  std::optional<JobId> next{};  ///< TransferOptions::after of a call that goes on; empty: all is done
};

/// What is transferred.
struct TransferOptions {
  JobFilter filter{};            ///< only these jobs; empty: all
  bool queues = true;            ///< the settings of queues too: all, or those that the filter names
  std::optional<JobId> after{};  ///< only jobs with greater ids: TransferReport::next of a call that was stopped
  /// Called every few hundred jobs, on the calling thread. False: stop.
  std::function<bool(const TransferReport&)> on_progress{};
  sqlq::stop_token stop{};  ///< asked now and then: the call ends, TransferReport::next says where
};

/// A sum of all jobs that fit a filter. Two databases with the same jobs have the same.
struct TransferSum {
  std::uint64_t jobs = 0;  ///< that are not held
  std::uint64_t held = 0;  ///< not part of `jobs` and checksum
  std::string checksum{};  ///< of these jobs; 16 hexadecimal digits
  friend bool operator==(const TransferSum&, const TransferSum&) = default;
};

// Thread-safety: any number of calls at once. Memory: bounded by the largest few jobs, not by their number. Errors:
// those of Admin; Error(configuration) where a backend has no such operation (capability `transfer`). What was stored
// before an error stays. Every call may be repeated: a job that is there by its id is left as it is.

/// Writes jobs as a stream. A part of a stream (with `after`, or stopped) is a stream by itself. Error(internal) when
/// `to` fails.
SQLQ_API TransferReport export_jobs(const Database& from, std::ostream& to, const TransferOptions& options = {});

/// Stores the jobs of a stream. Pending and scheduled ones may be claimed at once. Error(invalid_argument) for text
/// that is no such stream, with the number of the line and the name of the field; the lines before it are stored. A
/// stream without its last line was cut off: Error(invalid_argument) after all of it was stored. `after` and `filter`
/// choose among the jobs of the stream.
SQLQ_API TransferReport import_jobs(std::istream& from, const Database& to, const TransferOptions& options = {});

/// The same from database to database. The source is only read.
SQLQ_API TransferReport copy_jobs(const Database& from, const Database& to, const TransferOptions& options = {});

/// Reads all jobs that fit.
[[nodiscard]] SQLQ_API TransferSum sum_of_jobs(const Database& db, const JobFilter& filter = {},
                                               sqlq::stop_token stop = {});

}  // namespace sqlq
