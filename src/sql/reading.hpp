#pragma once
/// \file
/// Lists, counts, histories, logs and queues: the same for every SQL database, over statements its catalogue names.
/// (States, causes and times are the numbers of the public headers in every schema.)

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/export.hpp>

#include "sql/catalogue.hpp"
#include "sql/session.hpp"

namespace sqlq::sql {

/// The statements: what each takes and returns stands in schema/<backend>/queries. `get` and `last_records` take a
/// JSON array of ids.
struct ReadQueries {
  explicit ReadQueries(const Catalogue& c);
  const Statement& get;
  const Statement& list;
  const Statement& list_ids;
  const Statement& list_bound;
  const Statement& list_few;
  const Statement& progress;
  const Statement& count_pending;
  const Statement& count_pending_all;
  const Statement& count_scheduled;
  const Statement& count_held;
  const Statement& count_finished;
  const Statement& count_finished_all;
  const Statement& count_waiting;
  const Statement& waiting_kinds;
  const Statement& history;
  const Statement& last_records;
  const Statement& log_read;
  const Statement& queues;
  const Statement& queue;
  const Statement& queue_upsert;
  const Statement& queue_update;
  const Statement& queue_used;
  const Statement& queue_hide;
  const Statement& gates_forget;
  const Statement& gated_forget;
  const Statement& oldest_due;
};

[[nodiscard]] std::vector<std::optional<Job>> get(Session& s, const ReadQueries& q, std::span<const JobId> ids);
/// Whether the filter leaves any job out. A list without one is a single statement.
[[nodiscard]] bool restricts(const JobFilter& filter);
[[nodiscard]] JobPage list(Session& s, const ReadQueries& q, const JobFilter& filter, const Page& page);
[[nodiscard]] JobCounts counts(Session& s, const ReadQueries& q, std::string_view queue, std::uint64_t cap);
[[nodiscard]] std::vector<WaitingKind> waiting_kinds(Session& s, const ReadQueries& q, std::size_t limit,
                                                     std::optional<std::int64_t> now);
[[nodiscard]] std::vector<AttemptRecord> history(Session& s, const ReadQueries& q, JobId id, std::size_t limit);
[[nodiscard]] std::vector<std::optional<AttemptRecord>> last_records(Session& s, const ReadQueries& q,
                                                                     std::span<const JobId> ids);
[[nodiscard]] std::vector<LogLine> read_logs(Session& s, const ReadQueries& q, JobId id, std::int64_t after_claim,
                                             std::int64_t after_number, std::size_t limit);
[[nodiscard]] std::vector<Queue> queues(Session& s, const ReadQueries& q, std::string_view after, std::size_t limit);
[[nodiscard]] std::optional<Queue> queue(Session& s, const ReadQueries& q, std::string_view name);
void queue_upsert(Session& s, const ReadQueries& q, std::string_view name, const QueueOptions& options,
                  std::optional<std::int64_t> now);
/// Which of a queue's row and its jobs there are is asked one after the other: see Dialect::queue_delete.
[[nodiscard]] DeleteQueueStatus queue_delete(Session& s, const ReadQueries& q, std::string_view name);
[[nodiscard]] std::optional<QueueStats> queue_stats(Session& s, const ReadQueries& q, std::string_view name,
                                                    std::uint64_t cap, std::optional<std::int64_t> now);
[[nodiscard]] bool queue_update(Session& s, const ReadQueries& q, std::string_view name,
                                const backend::QueueChange& change);

/// What was counted up to one more than `cap`, which is enough to know that there are more.
[[nodiscard]] CappedCount capped(std::int64_t counted, std::uint64_t cap);

/// The text as a JSON string, quotes included.
[[nodiscard]] std::string json_string(std::string_view text);
/// Lists travel as one parameter: a JSON array.
[[nodiscard]] SQLQ_API std::string json_array(std::span<const JobId> ids);
[[nodiscard]] SQLQ_API std::string json_array(std::span<const std::int64_t> numbers);
[[nodiscard]] SQLQ_API std::string json_array(std::span<const std::string> texts);

}  // namespace sqlq::sql
