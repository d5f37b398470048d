// How jobs in memory are changed while they wait.

#include <string>

#include "testing/memory_queue.hpp"

namespace sqlq::testing {

ActionStatus MemoryQueue::edit(JobId id, const backend::JobChange& change, Instant now) {
  Row* row = find(id);
  if (row == nullptr) return ActionStatus::not_found;
  Job& job = row->job;
  const bool waits =
      job.state == JobState::pending || job.state == JobState::scheduled || job.state == JobState::waiting;
  const std::string queue(change.queue.value_or(job.queue));
  const int priority = change.priority.value_or(job.priority);
  if (!waits || (queue == job.queue && priority == job.priority)) return ActionStatus::unchanged;
  queue_made(queue, now);
  const bool to_another_gate = queue != job.queue && !row->key.empty();
  job.queue = queue;
  job.priority = priority;
  if (to_another_gate) job.state = JobState::waiting;
  news_ = true;
  return ActionStatus::done;
}

}  // namespace sqlq::testing
