// Jobs out of a queue in memory and into it, with all that belongs to them.

#include "core/retention.hpp"
#include "testing/memory_queue.hpp"

namespace sqlq::testing {

std::vector<JobId> MemoryQueue::ids_after(JobId after, std::size_t limit) const {
  std::vector<JobId> ids;
  for (auto at = rows_.upper_bound(after); at != rows_.end() && ids.size() < limit; ++at) ids.push_back(at->first);
  return ids;
}

std::optional<backend::StoredJob> MemoryQueue::whole(JobId id) const {
  const Row* row = find(id);
  if (row == nullptr) return std::nullopt;
  backend::StoredJob stored{.job = row->job, .history = row->history, .steps = row->steps};
  stored.job.lease_token = {};
  for (const auto& [place, line] : row->logs) {
    LogLine& kept = stored.log.emplace_back(line);
    kept.token = {};
    kept.queue.clear();
    kept.kind.clear();
  }
  return stored;
}

backend::StoreStatus MemoryQueue::store(const backend::StoredJob& stored, Instant now) {
  using backend::StoreStatus;
  const Job& job = stored.job;
  queue_made(job.queue, now);
  if (find(job.id) != nullptr) return StoreStatus::existing_id;
  const bool keyed = !job.unique_key.empty() && !is_finished(job.state);
  if (keyed && live_with(job.unique_key) != nullptr) return StoreStatus::existing_key;
  Row& row = rows_[job.id];
  row.number = ++inserted_;
  row.job = job;
  row.job.lease_token = {};
  row.job.progress.reset();
  if (const auto key = job.headers.find(std::string(core::key_header)); key != job.headers.end()) row.key = key->second;
  const bool waits = job.state == JobState::pending || job.state == JobState::scheduled;
  if (waits && !row.key.empty()) row.job.state = JobState::waiting;
  row.expires = core::expires_at(job);
  row.history = stored.history;
  row.steps = stored.steps;
  for (const LogLine& line : stored.log) {
    LogLine& kept = row.logs.emplace(std::pair(line.claim, line.number), line).first->second;
    kept.job = job.id;
    kept.token = {};
  }
  news_ = true;
  return StoreStatus::stored;
}

}  // namespace sqlq::testing
