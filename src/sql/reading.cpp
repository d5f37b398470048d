#include "sql/reading.hpp"

#include <algorithm>
#include <array>
#include <limits>
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

/// Names to choose from, or all, as a statement takes them: values for a list, else a JSON array. All: a NULL.
class Names {
 public:
  explicit Names(std::span<const std::string> names = {}) {
    if (names.empty()) {
      list_.values.emplace_back(nullptr);
      return;
    }
    json_ = json_array(names);
    list_.values.assign(names.begin(), names.end());
  }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  [[nodiscard]] bool all() const noexcept { return json_.empty(); }
  [[nodiscard]] Arg arg(const Statement& statement, const char* name) const {
    const auto param = std::ranges::find(statement.params, name, &Field::name);
    const bool list = param != statement.params.end() && param->type == Type::list;
    return list ? Arg(name, list_) : Arg(name, unless_empty(json_));
  }

 private:
  std::string json_{};
  List list_{};
};

/// Lanes by name.
struct Lanes {
  Names queues{};
  Names kinds{};
  [[nodiscard]] bool all() const noexcept { return queues.all() && kinds.all(); }
};

template <class Item, class ToJson>
std::string array_of(std::span<const Item> items, ToJson&& to_json) {
  std::string json = "[";
  for (const Item& item : items) {
    if (json.size() > 1) json += ',';
    json += to_json(item);
  }
  return json += ']';
}

/// Adds the progress of those that are held, if any is; most reads are of others and need no more than one statement.
void add_progress(Session& s, const ReadQueries& q, std::vector<Job>& jobs) {
  std::unordered_map<JobId, Job*> held;
  std::vector<JobId> ids;
  for (Job& job : jobs) {
    if (job.state != JobState::running && job.state != JobState::cancelling) continue;
    held.emplace(job.id, &job);
    ids.push_back(job.id);
  }
  if (ids.empty()) return;
  s.execute(q.progress, {{"ids", std::string_view(json_array(ids))}}, [&](const Row& row) {
    Fields f(row);
    const auto at = held.find(read_id(f.text()));
    if (at == held.end() || at->second->claims != f.integer()) return;
    Progress progress;
    progress.done = f.integer();
    progress.total = f.integer();
    progress.at = wall(f.integer());
    progress.note = f.text();
    at->second->progress = std::move(progress);
  });
}

}  // namespace

CappedCount capped(std::int64_t counted, std::uint64_t cap) {
  const auto n = static_cast<std::uint64_t>(counted);
  return {.value = std::min(n, cap), .capped = n > cap};
}

ReadQueries::ReadQueries(const Catalogue& c)
    : get(c["get"]),
      list(c["list"]),
      list_ids(c["list_ids"]),
      list_bound(c["list_bound"]),
      list_few(c["list_few"]),
      progress(c["progress"]),
      count_pending(c["count_pending"]),
      count_pending_all(c["count_pending_all"]),
      count_scheduled(c["count_scheduled"]),
      count_held(c["count_held"]),
      count_finished(c["count_finished"]),
      count_finished_all(c["count_finished_all"]),
      count_waiting(c["count_waiting"]),
      waiting_kinds(c["waiting_kinds"]),
      history(c["history"]),
      last_records(c["last_records"]),
      log_read(c["log_read"]),
      queues(c["queues"]),
      queue(c["queue"]),
      queue_upsert(c["queue_upsert"]),
      queue_update(c["queue_update"]),
      queue_used(c["queue_used"]),
      queue_hide(c["queue_hide"]),
      gates_forget(c["gates_forget"]),
      gated_forget(c["gated_forget"]),
      oldest_due(c["oldest_due"]) {}

std::vector<std::optional<Job>> get(Session& s, const ReadQueries& q, std::span<const JobId> ids) {
  std::vector<Job> rows;
  s.execute(q.get, {{"ids", std::string_view(json_array(ids))}},
            [&](const Row& row) { rows.push_back(read_whole(row)); });
  add_progress(s, q, rows);
  std::unordered_map<JobId, const Job*> found;
  for (const Job& job : rows) found.insert_or_assign(job.id, &job);
  std::vector<std::optional<Job>> jobs(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (const auto at = found.find(ids[i]); at != found.end()) jobs[i] = *at->second;
  }
  return jobs;
}

namespace {

/// Of these lanes, or of all. Those that are held are counted whatever their kind: they are few.
std::int64_t count(Session& s, const ReadQueries& q, JobState state, const Lanes& lanes, std::int64_t most) {
  const int number = static_cast<int>(state);
  const auto of_lanes = [&](const Statement& statement) {
    return s.integer(statement, {lanes.queues.arg(statement, "queues"), lanes.kinds.arg(statement, "kinds"),
                                 {"cap", most}});
  };
  const auto n = [&]() -> std::optional<std::int64_t> {
    switch (state) {
      case JobState::pending:
        return lanes.all() ? s.integer(q.count_pending_all, {{"cap", most}}) : of_lanes(q.count_pending);
      case JobState::scheduled: return of_lanes(q.count_scheduled);
      case JobState::waiting: return of_lanes(q.count_waiting);
      case JobState::running:
      case JobState::cancelling:
        return s.integer(q.count_held,
                         {lanes.queues.arg(q.count_held, "queues"), {"state", number}, {"cap", most}});
      default:
        if (lanes.all()) return s.integer(q.count_finished_all, {{"state", number}, {"cap", most}});
        return s.integer(q.count_finished, {lanes.queues.arg(q.count_finished, "queues"),
                                            lanes.kinds.arg(q.count_finished, "kinds"), {"state", number},
                                            {"cap", most}});
    }
  }();
  return n.value_or(0);
}

constexpr std::array all_states{JobState::running, JobState::cancelling, JobState::pending,   JobState::scheduled,
                                JobState::waiting, JobState::errored,    JobState::cancelled, JobState::success};

/// A search for a page of jobs, in two ways: along the ids from `before` downwards, which finds common jobs soon, and
/// by reading and sorting all wanted jobs, which finds rare ones soon (docs/decisions/0036). Jobs that are named are
/// looked up.
class Search {
 public:
  Search(Session& s, const ReadQueries& q, const JobFilter& filter, const Page& page)
      : s_(s), q_(q), filter_(filter), page_(page),
        before_(page.before ? page.before->to_string() : std::string(above_all_ids)),
        lanes_{.queues = Names(filter.queues), .kinds = Names(filter.kinds)} {
    for (const JobState state : filter.states) states_ |= std::int64_t{1} << static_cast<int>(state);
    if (filter.states.empty()) states_ = ~std::int64_t{0};
  }

  [[nodiscard]] JobPage step() const {
    if (!filter_.ids.empty()) return named();
    if (!restricts(filter_)) return along_ids({});
    constexpr std::int64_t newest = 2000;
    if (const auto end = bound(newest); !end) {
      return along_ids({});
    } else if (JobPage page = along_ids(end); page.jobs.size() == page_.limit) {
      return page;
    }
    return are_few() ? few() : along_ids(bound(filter_.error.empty() ? one_step : one_step_of_histories));
  }

 private:
  static constexpr std::int64_t most_to_sort = 10'000;
  static constexpr std::int64_t one_step = 50'000;
  static constexpr std::int64_t one_step_of_histories = 10'000;  // for each job a line of another table is read
  static constexpr std::size_t most_named = 1000;
  static constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

  [[nodiscard]] std::optional<JobId> bound(std::int64_t n) const {
    std::optional<JobId> id;
    s_.execute(q_.list_bound, {{"before", std::string_view(before_)}, {"n", n}},
               [&](const Row& row) { id = read_id(row.text(0)); });
    return id;
  }

  /// Jobs that fit the filter, at most a page of them. `where`: the first parameters of the statement.
  template <class... Where>
  [[nodiscard]] JobPage read(const Statement& statement, const Where&... where) const {
    auto from = filter_.created_from ? us(*filter_.created_from) : least;
    auto to = most;
    if (filter_.created_before) {
      const auto before = us(*filter_.created_before);
      to = std::max(before, least + 1) - 1;
      if (before == least) from = most;  // nothing is before that
    }
    JobPage page;
    s_.execute(statement,
               {where...,
                {"states", states_},
                lanes_.queues.arg(statement, "queues"),
                lanes_.kinds.arg(statement, "kinds"),
                {"unique_key", unless_empty(filter_.unique_key)},
                {"created_from", from},
                {"created_to", to},
                {"lowest", filter_.lowest_priority.value_or(std::numeric_limits<int>::min())},
                {"highest", filter_.highest_priority.value_or(std::numeric_limits<int>::max())},
                {"error", unless_empty(filter_.error)},
                {"payloads", page_.payloads ? 1 : 0},
                {"n", static_cast<std::int64_t>(page_.limit)}},
               [&](const Row& row) { page.jobs.push_back(read_whole(row)); });
    return page;
  }

  /// Down to that id, or to the end.
  [[nodiscard]] JobPage along_ids(const std::optional<JobId>& down_to) const {
    const std::string end = down_to.value_or(JobId{}).to_string();
    return followed(read(q_.list, Arg("before", std::string_view(before_)), Arg("down_to", std::string_view(end))),
                    down_to);
  }

  /// The newest of the jobs that are named, as many as one step looks at.
  [[nodiscard]] JobPage named() const {
    std::vector<JobId> ids;
    for (const JobId id : filter_.ids) {
      if (!page_.before || id < *page_.before) ids.push_back(id);
    }
    std::ranges::sort(ids, std::ranges::greater{});
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    const std::span<const JobId> some(ids.data(), std::min(ids.size(), most_named));
    if (some.empty()) return {};
    return followed(read(q_.list_ids, Arg("ids", std::string_view(json_array(some)))),
                    some.size() < ids.size() ? std::optional(some.back()) : std::nullopt);
  }

  /// With the place where the next step begins; `end`: where this one does when its page is not full.
  [[nodiscard]] JobPage followed(JobPage page, const std::optional<JobId>& end) const {
    page.next = page.jobs.size() == page_.limit ? std::optional(page.jobs.back().id) : end;
    return page;
  }

  /// Jobs in JobState::waiting that have no key, as a newer program may make them, are in no index.
  [[nodiscard]] bool are_few() const {
    if (std::ranges::find(filter_.states, JobState::waiting) != filter_.states.end()) return false;
    std::int64_t n = 0;
    for (const JobState state : all_states) {
      if (((states_ >> static_cast<int>(state)) & 1) == 0) continue;
      n += count(s_, q_, state, lanes_, most_to_sort + 1 - n);
      if (n > most_to_sort) return false;
    }
    return true;
  }

  [[nodiscard]] JobPage few() const {
    return followed(read(q_.list_few, Arg("before", std::string_view(before_))), {});
  }

  Session& s_;
  const ReadQueries& q_;
  const JobFilter& filter_;
  const Page& page_;
  const std::string before_;
  const Lanes lanes_;
  std::int64_t states_ = 0;
};

}  // namespace

bool restricts(const JobFilter& f) {
  const bool any = f.ids.empty() && f.queues.empty() && f.kinds.empty() && f.states.empty() && f.unique_key.empty() &&
                   !f.created_from && !f.created_before && f.error.empty() && !f.lowest_priority &&
                   !f.highest_priority;
  return !any;
}

JobPage list(Session& s, const ReadQueries& q, const JobFilter& filter, const Page& page) {
  JobPage found = Search(s, q, filter, page).step();
  add_progress(s, q, found.jobs);
  return found;
}

JobCounts counts(Session& s, const ReadQueries& q, std::string_view queue, std::uint64_t cap) {
  std::vector<std::string> names;
  if (!queue.empty()) names.emplace_back(queue);
  const Lanes lanes{.queues = Names(names)};
  JobCounts counts;
  for (const JobState state : all_states) {
    counts[state] = capped(count(s, q, state, lanes, static_cast<std::int64_t>(cap) + 1), cap);
  }
  return counts;
}

std::vector<WaitingKind> waiting_kinds(Session& s, const ReadQueries& q, std::size_t limit,
                                       std::optional<std::int64_t> now) {
  std::vector<WaitingKind> kinds;
  s.execute(q.waiting_kinds, {{"now", now}, {"n", static_cast<std::int64_t>(limit)}}, [&](const Row& row) {
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

std::vector<std::optional<AttemptRecord>> last_records(Session& s, const ReadQueries& q, std::span<const JobId> ids) {
  std::unordered_map<JobId, AttemptRecord> found;
  s.execute(q.last_records, {{"ids", std::string_view(json_array(ids))}}, [&](const Row& row) {
    Fields f(row);
    const JobId id = read_id(f.text());
    found.insert_or_assign(id, read_attempt(f));
  });
  std::vector<std::optional<AttemptRecord>> records(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (const auto at = found.find(ids[i]); at != found.end()) records[i] = at->second;
  }
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

namespace {

/// A row, and whether the queue was deleted: then it is there only while it has jobs.
struct QueueRow {
  Queue queue{};
  bool hidden = false;
};

QueueRow read_queue_row(const Row& row) { return {.queue = read_queue(Fields(row)), .hidden = row.integer(6) != 0}; }

bool is_used(Session& s, const ReadQueries& q, std::string_view name) {
  return s.integer(q.queue_used, {{"name", name}}).has_value();
}

bool is_there(Session& s, const ReadQueries& q, const QueueRow& row) {
  return !row.hidden || is_used(s, q, row.queue.name);
}

}  // namespace

std::vector<Queue> queues(Session& s, const ReadQueries& q, std::string_view after, std::size_t limit) {
  std::vector<Queue> found;
  std::string last(after);
  for (;;) {
    std::vector<QueueRow> rows;
    s.execute(q.queues, {{"after", std::string_view(last)}, {"n", static_cast<std::int64_t>(limit)}},
              [&](const Row& row) { rows.push_back(read_queue_row(row)); });
    const bool all = rows.size() < limit;
    if (!rows.empty()) last = rows.back().queue.name;
    for (QueueRow& row : rows) {
      if (found.size() < limit && is_there(s, q, row)) found.push_back(std::move(row.queue));
    }
    if (all || found.size() == limit) return found;
  }
}

std::optional<Queue> queue(Session& s, const ReadQueries& q, std::string_view name) {
  std::optional<QueueRow> found;
  s.execute(q.queue, {{"name", name}}, [&](const Row& row) { found = read_queue_row(row); });
  if (!found || !is_there(s, q, *found)) return std::nullopt;
  return std::move(found->queue);
}

DeleteQueueStatus queue_delete(Session& s, const ReadQueries& q, std::string_view name) {
  if (!queue(s, q, name)) return DeleteQueueStatus::not_found;
  if (is_used(s, q, name)) return DeleteQueueStatus::not_empty;
  s.execute(q.queue_hide, {{"name", name}});
  s.execute(q.gates_forget, {{"queue", name}});
  s.execute(q.gated_forget, {{"queue", name}});
  return DeleteQueueStatus::deleted;
}

std::optional<QueueStats> queue_stats(Session& s, const ReadQueries& q, std::string_view name, std::uint64_t cap,
                                      std::optional<std::int64_t> now) {
  std::optional<Queue> found = queue(s, q, name);
  if (!found) return std::nullopt;
  QueueStats stats{.queue = *std::move(found), .counts = counts(s, q, name, cap)};
  if (const auto due = s.integer(q.oldest_due, {{"queue", name}, {"now", now}})) stats.oldest_due = wall(*due);
  return stats;
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
  if (!queue(s, q, name)) return false;
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
