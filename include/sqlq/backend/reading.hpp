#pragma once
/// \file
/// How a backend is read: nothing here changes anything. Each call sees one snapshot. The rules of dialect.hpp hold.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/backend/requests.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>
#include <sqlq/log.hpp>
#include <sqlq/tx.hpp>

namespace sqlq::backend {

/// What a backend answers without changing anything. Thread-safety and errors as Dialect.
class SQLQ_TYPE Reading {
 public:
  virtual ~Reading() = default;

  /// `within` as for enqueue: what that transaction sees.
  [[nodiscard]] virtual std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx* within) = 0;
  /// Newest id first; ids strictly below `page.before`; params and results only where `page.payloads` is set. Reads a
  /// bounded number of jobs: see Admin::list_step. `next` is the last id of a full page; or, for one that is not full,
  /// the id down to which all were looked at; none: the end.
  [[nodiscard]] virtual JobPage list(const JobFilter& filter, const Page& page) = 0;
  /// Every state is present. Of those in JobState::waiting, jobs with a key are counted. Counting stops at `cap` per
  /// state. Empty queue: all queues.
  [[nodiscard]] virtual JobCounts counts(std::string_view queue, std::uint64_t cap) = 0;
  /// Each kind of the jobs that are pending, or scheduled and due, once for each of its queues.
  [[nodiscard]] virtual std::vector<WaitingKind> waiting_kinds(std::size_t limit, Now now) = 0;
  /// The oldest that are kept first.
  [[nodiscard]] virtual std::vector<AttemptRecord> history(JobId id, std::size_t limit) = 0;
  /// The newest line of each job's history, in the order of the ids; none where there is no line, or no such job.
  /// At most 1,000 ids, which may repeat. It reads one line for each job, however long the histories are.
  [[nodiscard]] virtual std::vector<std::optional<AttemptRecord>> last_records(std::span<const JobId> ids) = 0;
  /// In order of (claim, number), strictly above those given.
  [[nodiscard]] virtual std::vector<LogLine> read_logs(JobId id, std::int64_t after_claim, std::int64_t after_number,
                                                       std::size_t limit) = 0;

  /// In order of name (bytes), names strictly above `after`.
  [[nodiscard]] virtual std::vector<Queue> queues(std::string_view after, std::size_t limit) = 0;
  /// None: there is no queue of this name.
  [[nodiscard]] virtual std::optional<Queue> queue(std::string_view name) = 0;
  /// As `queue`, with its `counts` and since when the pending job, or scheduled one that is due, waits that could have
  /// run first.
  [[nodiscard]] virtual std::optional<QueueStats> queue_stats(std::string_view name, std::uint64_t cap, Now now) = 0;
};

}  // namespace sqlq::backend
