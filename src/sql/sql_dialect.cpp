#include "sql/sql_dialect.hpp"

namespace sqlq::sql {

SqlDialect::SqlDialect(const Catalogue& catalogue)
    : workers_(make_worker_registry(
          catalogue, {.read = [this](const Read& read) { run_read(read, Statements::one); },
                      .write = [this](backend::Now now, const Write& write) { run_aside(now, write); },
                      .now = [this](backend::Now now) { return wall_us(now); }})) {}

std::vector<std::optional<Job>> SqlDialect::get(std::span<const JobId> ids, const Tx* within) {
  std::vector<std::optional<Job>> jobs;
  const auto read = [&](Session& s) { jobs = sql::get(s, read_queries(), ids); };
  if (within != nullptr) {
    run_read_within(*within, read);
  } else {
    run_read(read, Statements::one);
  }
  return jobs;
}

JobPage SqlDialect::list(const JobFilter& filter, const Page& page) {
  const bool one = filter.queue.empty() && filter.kind.empty() && filter.states.empty();
  return reading<JobPage>([&](Session& s, const ReadQueries& q) { return sql::list(s, q, filter, page); },
                          one ? Statements::one : Statements::several);
}

JobCounts SqlDialect::counts(std::string_view queue, std::uint64_t cap) {
  return reading<JobCounts>([&](Session& s, const ReadQueries& q) { return sql::counts(s, q, queue, cap); },
                            Statements::several);
}

std::vector<WaitingKind> SqlDialect::waiting_kinds(std::size_t limit) {
  return reading<std::vector<WaitingKind>>(
      [&](Session& s, const ReadQueries& q) { return sql::waiting_kinds(s, q, limit); });
}

std::vector<AttemptRecord> SqlDialect::history(JobId id, std::size_t limit) {
  return reading<std::vector<AttemptRecord>>(
      [&](Session& s, const ReadQueries& q) { return sql::history(s, q, id, limit); });
}

std::vector<LogLine> SqlDialect::read_logs(JobId id, std::int64_t after_claim, std::int64_t after_number,
                                           std::size_t limit) {
  return reading<std::vector<LogLine>>([&](Session& s, const ReadQueries& q) {
    return sql::read_logs(s, q, id, after_claim, after_number, limit);
  });
}

std::vector<Queue> SqlDialect::queues(std::string_view after, std::size_t limit) {
  return reading<std::vector<Queue>>([&](Session& s, const ReadQueries& q) { return sql::queues(s, q, after, limit); },
                                     Statements::several);
}

std::optional<Queue> SqlDialect::queue(std::string_view name) {
  return reading<std::optional<Queue>>([&](Session& s, const ReadQueries& q) { return sql::queue(s, q, name); });
}

std::vector<QueueStats> SqlDialect::queue_stats(std::string_view after, std::size_t limit, std::uint64_t cap,
                                                backend::Now now) {
  const auto wall = wall_us(now);
  return reading<std::vector<QueueStats>>(
      [&](Session& s, const ReadQueries& q) { return sql::queue_stats(s, q, after, limit, cap, wall); },
      Statements::several);
}

void SqlDialect::queue_upsert(std::string_view name, const QueueOptions& options, backend::Now now) {
  run_write(now, [&](Session& s, std::optional<std::int64_t> wall) {
    sql::queue_upsert(s, read_queries(), name, options, wall);
  });
  tell();  // a raised limit may let jobs run
}

bool SqlDialect::queue_update(std::string_view name, const backend::QueueChange& change) {
  bool found = false;
  run_write({}, [&](Session& s, std::optional<std::int64_t>) {
    found = sql::queue_update(s, read_queries(), name, change);
  });
  tell();  // a raised limit or a resumed queue may let jobs run
  return found;
}

DeleteQueueStatus SqlDialect::queue_delete(std::string_view name) {
  DeleteQueueStatus status{};
  run_write({}, [&](Session& s, std::optional<std::int64_t>) { status = sql::queue_delete(s, read_queries(), name); });
  return status;
}

}  // namespace sqlq::sql
