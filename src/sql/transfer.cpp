#include "sql/transfer.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "sql/job_row.hpp"
#include "sql/reading.hpp"

namespace sqlq::sql {
namespace {

using backend::StoredJob;
using backend::StoreStatus;

/// What a job takes beside its texts, and a line of its history, log or steps.
constexpr std::size_t bytes_of_job = 500;
constexpr std::size_t bytes_of_line = 100;

struct Size {
  std::size_t bytes = 0;
  std::int64_t history = 0;  // lines
  std::int64_t log = 0;
  std::int64_t steps = 0;
};

using Sizes = std::unordered_map<JobId, Size>;

class Transfer final : public backend::Transfer {
 public:
  Transfer(const Catalogue& c, Runner& runner, StoreJobs store)
      : ids_(c["transfer_ids"]),
        sizes_(c["transfer_sizes"]),
        history_(c["transfer_history"]),
        log_(c["transfer_log"]),
        steps_(c["transfer_steps"]),
        reading_(c),
        runner_(runner),
        store_(std::move(store)) {}

  std::vector<JobId> ids_after(JobId after, std::size_t limit) override {
    std::vector<JobId> ids;
    const std::string from = after.to_string();
    const auto look = [&](Session& s) {
      ids.clear();
      s.execute(ids_, {{"after", std::string_view(from)}, {"n", static_cast<std::int64_t>(limit)}},
                [&](const Row& row) { ids.push_back(read_id(row.text(0))); });
    };
    runner_.read(look, Statements::one);
    return ids;
  }

  Read read_jobs(std::span<const JobId> ids, std::size_t max_bytes) override {
    Read read;
    const auto look = [&](Session& s) {
      const Sizes sizes = sizes_of(s, ids);
      read = {.read = first_of(ids, sizes, max_bytes)};
      read.jobs = jobs_of(s, ids.first(read.read), sizes);
    };
    runner_.read(look, Statements::several);
    return read;
  }

  std::vector<StoreStatus> store_jobs(std::span<const StoredJob> jobs, backend::Now now) override {
    if (jobs.empty()) return {};
    return store_(jobs, now);
  }

 private:
  [[nodiscard]] Sizes sizes_of(Session& s, std::span<const JobId> ids) const {
    Sizes sizes;
    s.execute(sizes_, {{"ids", std::string_view(json_array(ids))}}, [&](const Row& row) {
      Fields f(row);
      Size& size = sizes[read_id(f.text())];
      size.bytes = bytes_of_job + static_cast<std::size_t>(f.integer());
      size.history = f.integer();
      size.log = f.integer();
      size.steps = f.integer();
      size.bytes += bytes_of_line * static_cast<std::size_t>(size.history + size.log + size.steps);
    });
    return sizes;
  }

  /// How many of them may be read at once: as many as are not too much, and at least one that is there.
  static std::size_t first_of(std::span<const JobId> ids, const Sizes& sizes, std::size_t max_bytes) {
    std::size_t bytes = 0;
    for (std::size_t n = 0; n < ids.size(); ++n) {
      const auto at = sizes.find(ids[n]);
      if (at == sizes.end()) continue;
      if (bytes > 0 && (at->second.bytes > max_bytes || bytes > max_bytes - at->second.bytes)) return n;
      bytes += at->second.bytes;
    }
    return ids.size();
  }

  [[nodiscard]] std::vector<StoredJob> jobs_of(Session& s, std::span<const JobId> ids, const Sizes& sizes) const {
    std::vector<StoredJob> jobs;
    for (std::optional<Job>& job : sql::get(s, reading_, ids)) {
      if (!job) continue;
      job->lease_token = {};
      jobs.push_back({.job = std::move(*job)});
    }
    std::unordered_map<JobId, StoredJob*> by_id;
    std::vector<JobId> with_history;
    std::vector<JobId> with_log;
    std::vector<JobId> with_steps;
    for (StoredJob& job : jobs) {
      const auto at = sizes.find(job.job.id);
      if (at == sizes.end()) continue;
      by_id.emplace(job.job.id, &job);
      if (at->second.history > 0) with_history.push_back(job.job.id);
      if (at->second.log > 0) with_log.push_back(job.job.id);
      if (at->second.steps > 0) with_steps.push_back(job.job.id);
    }
    if (!with_history.empty()) {
      add_numbered(s, history_, with_history, by_id, &read_attempt, &StoredJob::history,
                   [](std::int64_t n, const AttemptRecord&) { return n; });
    }
    if (!with_log.empty()) add_log(s, with_log, by_id);
    if (!with_steps.empty()) {
      // Two that were recorded at once may have the same number.
      add_numbered(s, steps_, with_steps, by_id, &read_step_record, &StoredJob::steps,
                   [](std::int64_t ord, const StepRecord& step) {
                     return std::tuple(ord, step.kind, std::string_view(step.name), step.number);
                   });
    }
    return jobs;
  }

  using ById = std::unordered_map<JobId, StoredJob*>;

  /// The rows of a statement that begin with the job's id and a number within it. `rank`: what they are sorted by.
  template <class Line, class Rank>
  static void add_numbered(Session& s, const Statement& statement, std::span<const JobId> ids, const ById& by_id,
                           Line (*read)(Fields), std::vector<Line> StoredJob::*into, Rank rank) {
    std::unordered_map<JobId, std::vector<std::pair<std::int64_t, Line>>> numbered;
    s.execute(statement, {{"ids", std::string_view(json_array(ids))}}, [&](const Row& row) {
      Fields f(row);
      auto& lines = numbered[read_id(f.text())];
      const std::int64_t n = f.integer();
      lines.emplace_back(n, read(f));
    });
    for (auto& [id, lines] : numbered) {
      std::ranges::sort(lines, {}, [&](const auto& line) { return rank(line.first, line.second); });
      const auto at = by_id.find(id);
      if (at == by_id.end()) continue;
      for (auto& [n, line] : lines) (at->second->*into).push_back(std::move(line));
    }
  }

  void add_log(Session& s, std::span<const JobId> ids, const ById& by_id) const {
    s.execute(log_, {{"ids", std::string_view(json_array(ids))}}, [&](const Row& row) {
      Fields f(row);
      const JobId id = read_id(f.text());
      if (const auto at = by_id.find(id); at != by_id.end()) at->second->log.push_back(read_log_line(id, f));
    });
    for (const auto& [id, job] : by_id) {
      std::ranges::sort(job->log, {}, [](const LogLine& line) { return std::tuple(line.claim, line.number); });
    }
  }

  const Statement& ids_;
  const Statement& sizes_;
  const Statement& history_;
  const Statement& log_;
  const Statement& steps_;
  const ReadQueries reading_;
  Runner& runner_;
  const StoreJobs store_;
};

}  // namespace

std::unique_ptr<backend::Transfer> make_transfer(const Catalogue& catalogue, Runner& runner, StoreJobs store) {
  return std::make_unique<Transfer>(catalogue, runner, std::move(store));
}

std::vector<StoreStatus> store_in_rounds(Work& work, std::span<const StoredJob> jobs,
                                         core::FunctionRef<std::vector<StoreStatus>(DistinctJobs)> store) {
  std::vector<StoreStatus> answers(jobs.size());
  std::vector<std::size_t> open(jobs.size());
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
  while (!open.empty()) {
    std::set<JobId> ids;
    std::set<std::string_view> keys;
    std::vector<const StoredJob*> round;
    std::vector<std::size_t> taken;
    std::vector<std::size_t> later;
    for (const std::size_t i : open) {
      const Job& job = jobs[i].job;
      const bool keyed = !job.unique_key.empty() && !is_finished(job.state);
      const bool collides = ids.contains(job.id) || (keyed && keys.contains(job.unique_key));
      (collides ? later : taken).push_back(i);
      ids.insert(job.id);
      if (keyed) keys.insert(job.unique_key);
      if (!collides) round.push_back(&jobs[i]);
    }
    if (!later.empty()) work.begin();
    const std::vector<StoreStatus> said = store(round);
    for (std::size_t n = 0; n < taken.size(); ++n) answers[taken[n]] = said.at(n);
    open = std::move(later);
  }
  return answers;
}

}  // namespace sqlq::sql
