#include "sql/reading.hpp"

#include <unordered_map>

#include "sql/job_row.hpp"

namespace sqlq::sql {
namespace {

/// No job has it: it is no version 7 UUID.
constexpr const char* above_all_ids = "ffffffff-ffff-ffff-ffff-ffffffffffff";

Job read_whole(const Row& row) {
  Fields f(row);
  std::string queue(f.text());
  std::string kind(f.text());
  Job job = read_job(f);
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

template <class Item, class ToJson>
std::string array_of(std::span<const Item> items, ToJson&& to_json) {
  std::string json = "[";
  for (const Item& item : items) {
    if (json.size() > 1) json += ',';
    json += to_json(item);
  }
  return json += ']';
}

}  // namespace

ReadQueries::ReadQueries(const Catalogue& c)
    : get(c["get"]),
      list(c["list"]),
      count_pending(c["count_pending"]),
      count_pending_all(c["count_pending_all"]),
      count_scheduled(c["count_scheduled"]),
      count_held(c["count_held"]),
      count_finished(c["count_finished"]),
      count_finished_all(c["count_finished_all"]),
      waiting_kinds(c["waiting_kinds"]),
      history(c["history"]),
      log_read(c["log_read"]),
      queues(c["queues"]),
      queue(c["queue"]),
      queue_upsert(c["queue_upsert"]),
      queue_update(c["queue_update"]) {}

std::vector<std::optional<Job>> get(Session& s, const ReadQueries& q, std::span<const JobId> ids) {
  std::unordered_map<JobId, Job> found;
  s.execute(q.get, {{"ids", std::string_view(json_array(ids))}}, [&](const Row& row) {
    Job job = read_whole(row);
    found.insert_or_assign(job.id, std::move(job));
  });
  std::vector<std::optional<Job>> jobs(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (const auto at = found.find(ids[i]); at != found.end()) jobs[i] = at->second;
  }
  return jobs;
}

std::vector<Job> list(Session& s, const ReadQueries& q, const JobFilter& filter, const Page& page) {
  std::int64_t states = filter.states.empty() ? ~std::int64_t{0} : 0;
  for (const JobState state : filter.states) states |= std::int64_t{1} << static_cast<int>(state);
  std::vector<Job> jobs;
  s.execute(q.list,
                    {{"before", std::string_view(page.before ? page.before->to_string() : above_all_ids)},
                     {"queue", unless_empty(filter.queue)},
                     {"kind", unless_empty(filter.kind)},
                     {"states", states},
                     {"n", static_cast<std::int64_t>(page.limit)}},
                    [&](const Row& row) { jobs.push_back(read_whole(row)); });
  return jobs;
}

JobCounts counts(Session& s, const ReadQueries& q, std::string_view queue, std::uint64_t cap) {
  const auto name = unless_empty(queue);
  const auto n = static_cast<std::int64_t>(cap) + 1;
  JobCounts counts;
  counts[JobState::pending] = capped(name ? s.integer(q.count_pending, {{"queue", *name}, {"cap", n}})
                                          : s.integer(q.count_pending_all, {{"cap", n}}),
                                     cap);
  counts[JobState::scheduled] = capped(s.integer(q.count_scheduled, {{"queue", name}, {"cap", n}}), cap);
  for (const JobState state : {JobState::running, JobState::cancelling}) {
    counts[state] = capped(
        s.integer(q.count_held, {{"queue", name}, {"state", static_cast<int>(state)}, {"cap", n}}), cap);
  }
  for (const JobState state : {JobState::success, JobState::errored, JobState::cancelled}) {
    const int number = static_cast<int>(state);
    counts[state] = capped(name ? s.integer(q.count_finished, {{"queue", *name}, {"state", number}, {"cap", n}})
                                : s.integer(q.count_finished_all, {{"state", number}, {"cap", n}}),
                           cap);
  }
  return counts;
}

std::vector<WaitingKind> waiting_kinds(Session& s, const ReadQueries& q, std::size_t limit) {
  std::vector<WaitingKind> kinds;
  s.execute(q.waiting_kinds, {{"n", static_cast<std::int64_t>(limit)}}, [&](const Row& row) {
    kinds.push_back({std::string(row.text(0)), std::string(row.text(1))});
  });
  return kinds;
}

std::vector<AttemptRecord> history(Session& s, const ReadQueries& q, JobId id, std::size_t limit) {
  std::vector<AttemptRecord> records;
  s.execute(q.history, {{"id", std::string_view(id.to_string())}, {"n", static_cast<std::int64_t>(limit)}},
                    [&](const Row& row) { records.push_back(read_attempt(Fields(row))); });
  return records;
}

std::vector<LogLine> read_logs(Session& s, const ReadQueries& q, JobId id, std::int64_t after_claim,
                               std::int64_t after_number, std::size_t limit) {
  std::vector<LogLine> lines;
  s.execute(q.log_read,
                    {{"id", std::string_view(id.to_string())},
                     {"claim", after_claim},
                     {"number", after_number},
                     {"n", static_cast<std::int64_t>(limit)}},
                    [&](const Row& row) { lines.push_back(read_log_line(id, Fields(row))); });
  return lines;
}

std::vector<Queue> queues(Session& s, const ReadQueries& q, std::string_view after, std::size_t limit) {
  std::vector<Queue> found;
  s.execute(q.queues, {{"after", after}, {"n", static_cast<std::int64_t>(limit)}},
                    [&](const Row& row) { found.push_back(read_queue(Fields(row))); });
  return found;
}

std::optional<Queue> queue(Session& s, const ReadQueries& q, std::string_view name) {
  std::optional<Queue> found;
  s.execute(q.queue, {{"name", name}},
                    [&](const Row& row) { found = read_queue(Fields(row)); });
  return found;
}

void queue_upsert(Session& s, const ReadQueries& q, std::string_view name, const QueueOptions& options,
                  std::optional<std::int64_t> now) {
  const std::optional<std::int64_t> concurrency = options.concurrency;
  s.execute(q.queue_upsert, {{"name", name},
                             {"description", std::string_view(options.description)},
                             {"concurrency", concurrency},
                             {"priority", options.priority},
                             {"now", now}});
}

bool queue_update(Session& s, const ReadQueries& q, std::string_view name, const backend::QueueChange& change) {
  const std::optional<std::int64_t> concurrency = change.concurrency.value_or(std::nullopt);
  return s.execute(q.queue_update, {{"description", change.description},
                                    {"limited", change.concurrency ? 1 : 0},
                                    {"concurrency", concurrency},
                                    {"priority", change.priority},
                                    {"paused", change.paused},
                                    {"name", name}}) == 1;
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      json += "\\u00";
      json += "01"[c >> 4];
      json += "0123456789abcdef"[c & 15];
    } else {
      if (c == '"' || c == '\\') json += '\\';
      json += c;
    }
  }
  return json += '"';
}

std::string json_array(std::span<const JobId> ids) {
  return array_of(ids, [](JobId id) { return '"' + id.to_string() + '"'; });
}

std::string json_array(std::span<const std::int64_t> numbers) {
  return array_of(numbers, [](std::int64_t n) { return std::to_string(n); });
}

std::string json_array(std::span<const std::string> texts) {
  return array_of(texts, [](const std::string& text) { return json_string(text); });
}

}  // namespace sqlq::sql
