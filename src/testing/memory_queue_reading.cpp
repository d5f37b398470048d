// How a queue in memory is looked at: jobs, counts, histories, logs.

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "core/filter.hpp"
#include "testing/memory_queue.hpp"

namespace sqlq::testing {
namespace {

bool may_be_claimed(const Job& job, Instant now) {
  return job.state == JobState::pending || (job.state == JobState::scheduled && job.run_at <= now.wall);
}

}  // namespace

std::optional<Job> MemoryQueue::get(JobId id) const {
  const Row* row = find(id);
  if (row == nullptr) return std::nullopt;
  return row->job;
}

JobPage MemoryQueue::list(const JobFilter& filter, const Page& page) const {
  JobPage found;
  auto at = page.before ? rows_.lower_bound(*page.before) : rows_.end();
  while (at != rows_.begin() && found.jobs.size() < page.limit) {
    --at;
    if (!core::matches(filter, at->second.job, at->second.history)) continue;
    Job& job = found.jobs.emplace_back(at->second.job);
    if (!page.payloads) job.params = job.result = {};
  }
  if (found.jobs.size() == page.limit) found.next = found.jobs.back().id;
  return found;
}

JobCounts MemoryQueue::counts(std::string_view queue, std::uint64_t cap) const {
  JobCounts counts;
  for (const JobState state : {JobState::pending, JobState::running, JobState::success, JobState::errored,
                               JobState::cancelling, JobState::cancelled, JobState::scheduled, JobState::waiting}) {
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
    if (may_be_claimed(row.job, now)) kinds.emplace(row.job.queue, row.job.kind);
  }
  std::vector<WaitingKind> found;
  for (const auto& [queue, kind] : kinds) {
    if (found.size() < limit) found.push_back({std::string(queue), std::string(kind)});
  }
  return found;
}

CappedCount MemoryQueue::jobs_before(JobId id, std::uint64_t cap, Instant now) const {
  CappedCount before;
  const Row* mine = find(id);
  if (mine == nullptr || !may_be_claimed(mine->job, now)) return before;
  const auto place = [](const Row& row) { return std::tuple(row.job.priority, row.job.run_at, row.number); };
  for (const auto& [other, row] : rows_) {
    if (row.job.queue != mine->job.queue || !may_be_claimed(row.job, now) || place(row) >= place(*mine)) continue;
    if (before.value == cap) return {.value = cap, .capped = true};
    ++before.value;
  }
  return before;
}

std::vector<AttemptRecord> MemoryQueue::history(JobId id, std::size_t limit) const {
  const Row* row = find(id);
  if (row == nullptr) return {};
  const std::size_t n = std::min(limit, row->history.size());
  return {row->history.begin(), row->history.begin() + static_cast<std::ptrdiff_t>(n)};
}

std::vector<std::optional<AttemptRecord>> MemoryQueue::last_records(std::span<const JobId> ids) const {
  std::vector<std::optional<AttemptRecord>> records;
  for (const JobId id : ids) {
    const Row* row = find(id);
    const bool any = row != nullptr && !row->history.empty();
    records.push_back(any ? std::optional(row->history.back()) : std::nullopt);
  }
  return records;
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
