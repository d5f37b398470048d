#include "operations.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sqlite {
namespace {

Job read_whole(const sql::Row& row) {
  sql::Fields f(row);
  std::string queue(f.text());
  std::string kind(f.text());
  Job job = sql::read_job(f);
  job.queue = std::move(queue);
  job.kind = std::move(kind);
  return job;
}

std::optional<std::string_view> unless_empty(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

/// One more than `cap` is enough to know that there are more.
CappedCount capped(std::optional<std::int64_t> counted, std::uint64_t cap) {
  const auto n = static_cast<std::uint64_t>(counted.value_or(0));
  return {.value = std::min(n, cap), .capped = n > cap};
}

}  // namespace

std::vector<std::optional<Job>> get(const Context& c, std::span<const JobId> ids) {
  std::vector<std::optional<Job>> jobs(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    c.session.execute(c.q.get, {{"id", std::string_view(ids[i].to_string())}},
                      [&](const sql::Row& row) { jobs[i] = read_whole(row); });
  }
  return jobs;
}

std::vector<Job> list(const Context& c, const JobFilter& filter, const Page& page) {
  std::int64_t states = filter.states.empty() ? ~std::int64_t{0} : 0;
  for (const JobState s : filter.states) states |= std::int64_t{1} << static_cast<int>(s);
  std::vector<Job> jobs;
  c.session.execute(c.q.list,
                    {{"before", std::string_view(page.before ? page.before->to_string() : "~")},  // above all digits
                     {"queue", unless_empty(filter.queue)},
                     {"kind", unless_empty(filter.kind)},
                     {"states", states},
                     {"n", static_cast<std::int64_t>(page.limit)}},
                    [&](const sql::Row& row) { jobs.push_back(read_whole(row)); });
  return jobs;
}

JobCounts counts(const Context& c, std::string_view queue, std::uint64_t cap) {
  const auto name = unless_empty(queue);
  const auto n = static_cast<std::int64_t>(cap) + 1;
  JobCounts counts;
  counts[JobState::pending] = capped(name ? c.session.integer(c.q.count_pending, {{"queue", *name}, {"cap", n}})
                                          : c.session.integer(c.q.count_pending_all, {{"cap", n}}),
                                     cap);
  counts[JobState::scheduled] = capped(c.session.integer(c.q.count_scheduled, {{"queue", name}, {"cap", n}}), cap);
  for (const JobState s : {JobState::running, JobState::cancelling}) {
    counts[s] = capped(
        c.session.integer(c.q.count_held, {{"queue", name}, {"state", static_cast<int>(s)}, {"cap", n}}), cap);
  }
  for (const JobState s : {JobState::success, JobState::errored, JobState::cancelled}) {
    const int state = static_cast<int>(s);
    counts[s] = capped(
        name ? c.session.integer(c.q.count_finished, {{"queue", *name}, {"state", state}, {"cap", n}})
             : c.session.integer(c.q.count_finished_all, {{"state", state}, {"cap", n}}),
        cap);
  }
  return counts;
}

std::vector<WaitingKind> waiting_kinds(const Context& c, std::size_t limit) {
  std::vector<WaitingKind> kinds;
  c.session.execute(c.q.waiting_kinds, {{"n", static_cast<std::int64_t>(limit)}}, [&](const sql::Row& row) {
    kinds.push_back({std::string(row.text(0)), std::string(row.text(1))});
  });
  return kinds;
}

std::vector<AttemptRecord> history(const Context& c, JobId id, std::size_t limit) {
  std::vector<AttemptRecord> records;
  c.session.execute(c.q.history, {{"id", std::string_view(id.to_string())}, {"n", static_cast<std::int64_t>(limit)}},
                    [&](const sql::Row& row) { records.push_back(sql::read_attempt(sql::Fields(row))); });
  return records;
}

std::vector<LogLine> read_logs(const Context& c, JobId id, std::int64_t after_claim, std::int64_t after_number,
                               std::size_t limit) {
  std::vector<LogLine> lines;
  c.session.execute(c.q.log_read,
                    {{"id", std::string_view(id.to_string())},
                     {"claim", after_claim},
                     {"number", after_number},
                     {"n", static_cast<std::int64_t>(limit)}},
                    [&](const sql::Row& row) { lines.push_back(sql::read_log_line(id, sql::Fields(row))); });
  return lines;
}

std::vector<Queue> queues(const Context& c, std::string_view after, std::size_t limit) {
  std::vector<Queue> found;
  c.session.execute(c.q.queues, {{"after", after}, {"n", static_cast<std::int64_t>(limit)}},
                    [&](const sql::Row& row) { found.push_back(sql::read_queue(sql::Fields(row))); });
  return found;
}

std::optional<Queue> queue(const Context& c, std::string_view name) {
  std::optional<Queue> found;
  c.session.execute(c.q.queue, {{"name", name}},
                    [&](const sql::Row& row) { found = sql::read_queue(sql::Fields(row)); });
  return found;
}

}  // namespace sqlq::sqlite
