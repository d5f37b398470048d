// How a queue in memory is looked at: jobs, counts, histories, logs.

#include <algorithm>
#include <set>
#include <utility>

#include "testing/memory_queue.hpp"

namespace sqlq::testing {

std::optional<Job> MemoryQueue::get(JobId id) const {
  const Row* row = find(id);
  if (row == nullptr) return std::nullopt;
  return row->job;
}

JobPage MemoryQueue::list(const JobFilter& filter, const Page& page) const {
  const auto among = [](const auto& wanted, const auto& value) {
    return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
  };
  const auto fits = [&](const Row& row) {
    const Job& job = row.job;
    return among(filter.ids, job.id) && among(filter.queues, job.queue) && among(filter.kinds, job.kind) &&
           among(filter.states, job.state) && (filter.unique_key.empty() || job.unique_key == filter.unique_key) &&
           (!filter.created_from || job.created_at >= *filter.created_from) &&
           (!filter.created_before || job.created_at < *filter.created_before) &&
           (filter.error.empty() ||
            (!row.history.empty() && row.history.back().message.find(filter.error) != std::string::npos)) &&
           (!filter.lowest_priority || job.priority >= *filter.lowest_priority) &&
           (!filter.highest_priority || job.priority <= *filter.highest_priority);
  };
  JobPage found;
  auto at = page.before ? rows_.lower_bound(*page.before) : rows_.end();
  while (at != rows_.begin() && found.jobs.size() < page.limit) {
    --at;
    if (!fits(at->second)) continue;
    Job& job = found.jobs.emplace_back(at->second.job);
    if (!page.payloads) job.params = job.result = {};
  }
  if (found.jobs.size() == page.limit) found.next = found.jobs.back().id;
  return found;
}

JobCounts MemoryQueue::counts(std::string_view queue, std::uint64_t cap) const {
  JobCounts counts;
  for (const JobState state : {JobState::pending, JobState::running, JobState::success, JobState::errored,
                               JobState::cancelling, JobState::cancelled, JobState::scheduled}) {
    counts[state] = {};
  }
  for (const auto& [id, row] : rows_) {
    if (!queue.empty() && row.job.queue != queue) continue;
    CappedCount& count = counts[row.job.state];
    if (count.value < cap) {
      ++count.value;
    } else {
      count.capped = true;
    }
  }
  return counts;
}

std::vector<WaitingKind> MemoryQueue::waiting_kinds(std::size_t limit, Instant now) const {
  std::set<std::pair<std::string_view, std::string_view>> kinds;
  for (const auto& [id, row] : rows_) {
    const bool due = row.job.state == JobState::scheduled && row.job.run_at <= now.wall;
    if (row.job.state == JobState::pending || due) kinds.emplace(row.job.queue, row.job.kind);
  }
  std::vector<WaitingKind> found;
  for (const auto& [queue, kind] : kinds) {
    if (found.size() < limit) found.push_back({std::string(queue), std::string(kind)});
  }
  return found;
}

std::vector<AttemptRecord> MemoryQueue::history(JobId id, std::size_t limit) const {
  const Row* row = find(id);
  if (row == nullptr) return {};
  const std::size_t n = std::min(limit, row->history.size());
  return {row->history.begin(), row->history.begin() + static_cast<std::ptrdiff_t>(n)};
}

std::vector<LogLine> MemoryQueue::read_logs(JobId id, std::int64_t after_claim, std::int64_t after_number,
                                            std::size_t limit) const {
  const Row* row = find(id);
  if (row == nullptr) return {};
  std::vector<LogLine> lines;
  for (auto at = row->logs.upper_bound({after_claim, after_number}); at != row->logs.end(); ++at) {
    if (lines.size() == limit) break;
    lines.push_back(at->second);
  }
  return lines;
}

}  // namespace sqlq::testing
