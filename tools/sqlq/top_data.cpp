#include "top_data.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <sqlq/error.hpp>

#include "job_records.hpp"

namespace sqlq::tool {
namespace {

CappedCount count_of(const JobCounts& counts, JobState state) {
  const auto found = counts.find(state);
  return found == counts.end() ? CappedCount{} : found->second;
}

/// Empty when it is not known exactly.
std::optional<std::uint64_t> live_jobs(const JobCounts& counts) {
  std::uint64_t live = 0;
  for (const JobState state :
       {JobState::pending, JobState::scheduled, JobState::waiting, JobState::running, JobState::cancelling}) {
    const CappedCount count = count_of(counts, state);
    if (count.capped) return {};
    live += count.value;
  }
  return live;
}

TopQueue as_row(const QueueStats& stats, TimePoint now) {
  TopQueue row;
  row.name = stats.queue.name;
  row.paused = stats.queue.paused;
  row.limit = stats.queue.concurrency;
  row.pending = count_of(stats.counts, JobState::pending);
  row.scheduled = sum(count_of(stats.counts, JobState::scheduled), count_of(stats.counts, JobState::waiting));
  row.running = sum(count_of(stats.counts, JobState::running), count_of(stats.counts, JobState::cancelling));
  row.failed = count_of(stats.counts, JobState::errored);
  if (stats.oldest_due) row.oldest = stats.age(now);
  return row;
}

}  // namespace

CappedCount sum(const CappedCount& a, const CappedCount& b) { return {a.value + b.value, a.capped || b.capped}; }

std::map<std::string, Rate> Rates::step(SteadyPoint at, const std::vector<QueueStats>& queues,
                                        const std::map<std::string, std::uint64_t>& came, bool more) {
  std::map<std::string, Rate> rates;
  std::map<std::string, std::optional<std::uint64_t>> live;
  const double seconds = before_ ? std::chrono::duration<double>(at - *before_).count() : 0;
  for (const QueueStats& stats : queues) {
    const std::string& name = stats.queue.name;
    live[name] = live_jobs(stats.counts);
    Rate& rate = rates[name];
    if (seconds <= 0) continue;
    const auto found = came.find(name);
    const auto in = static_cast<double>(found == came.end() ? 0 : found->second);
    rate.in = in / seconds;
    rate.in_or_more = more;
    const auto before = live_.find(name);
    const std::optional<std::uint64_t> was = before == live_.end() ? std::uint64_t{0} : before->second;
    if (more || !was || !live[name]) continue;
    const double ended = in - (static_cast<double>(*live[name]) - static_cast<double>(*was));
    if (ended >= 0) rate.out = ended / seconds;
  }
  live_ = std::move(live);
  before_ = at;
  return rates;
}

std::map<std::string, std::uint64_t> TopReader::new_jobs(bool& more) {
  constexpr std::size_t page_size = 250;
  constexpr int most_pages = 8;
  std::map<std::string, std::uint64_t> came;
  std::unordered_set<JobId> seen;
  JobId lowest{};
  Page page{.before = {}, .limit = page_size, .payloads = false};
  more = false;
  for (int i = 0; i < (looked_ ? most_pages : 1); ++i) {
    const JobPage found = admin_.list_step({}, page);
    bool any = false;
    for (const Job& job : found.jobs) {
      seen.insert(job.id);
      lowest = job.id;
      if (seen_.contains(job.id) || job.id <= lowest_seen_) continue;
      any = true;
      ++came[job.queue];
    }
    if (!found.next) {  // all there are
      lowest = {};
      break;
    }
    page.before = found.next;
    if (!any) break;
    more = looked_ && i + 1 == most_pages;
  }
  lowest_seen_ = lowest;
  seen_ = std::move(seen);
  looked_ = true;
  return came;
}

void TopReader::add_errors(std::vector<TopJob>& jobs) {
  constexpr std::size_t most_kept = 1000;
  if (errors_.size() >= most_kept) errors_.clear();
  std::vector<Job> unknown;
  for (const TopJob& one : jobs) {
    if (!errors_.contains({one.job.id, one.job.claims})) unknown.push_back(one.job);
  }
  const std::vector<std::optional<AttemptRecord>> last = last_records(admin_, unknown);
  for (std::size_t i = 0; i < last.size(); ++i) {
    std::string& message = errors_[{unknown[i].id, unknown[i].claims}];
    if (!last[i]) continue;
    message = last[i]->message.empty() ? std::string(to_string(last[i]->cause)) : last[i]->message;
    message = message.substr(0, message.find_first_of("\r\n"));
  }
  for (TopJob& one : jobs) one.error = errors_.at({one.job.id, one.job.claims});
}

std::vector<TopJob> TopReader::jobs(const std::vector<JobState>& states, std::size_t limit) {
  std::vector<TopJob> result;
  if (limit == 0) return result;
  for (Job& job : admin_.list_step({.states = states}, {.before = {}, .limit = limit, .payloads = false}).jobs) {
    result.push_back({std::move(job), {}});
  }
  return result;
}

TopData TopReader::read(const TopWish& wish) {
  TopData data;
  data.at = db_.clock().now();
  data.where = db_.description();
  const std::vector<QueueStats> stats = admin_.stats(wish.cap);
  bool more = false;
  const auto came = new_jobs(more);
  const auto rates = rates_.step(db_.clock().steady(), stats, came, more);
  for (const QueueStats& one : stats) {
    data.queues.push_back(as_row(one, data.at));
    data.queues.back().rate = rates.at(one.queue.name);
  }
  try {
    data.workers = admin_.workers();
    data.workers_known = true;
  } catch (const Error& error) {
    if (error.code() != Errc::configuration) throw;  // a backend without a list of workers
  }
  data.failed = jobs({JobState::errored}, wish.failed);
  add_errors(data.failed);
  std::stable_sort(data.failed.begin(), data.failed.end(),
                   [](const TopJob& a, const TopJob& b) { return a.job.finished_at > b.job.finished_at; });
  data.running = jobs({JobState::running, JobState::cancelling}, wish.running);
  data.scheduled = jobs({JobState::scheduled}, wish.scheduled);
  return data;
}

}  // namespace sqlq::tool
