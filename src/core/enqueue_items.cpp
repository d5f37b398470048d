#include "core/enqueue_items.hpp"

#include <algorithm>

#include "core/retention.hpp"

namespace sqlq::core {

backend::EnqueueItem item_of(const NewJob& job, const ClientOptions& defaults, TimePoint now) {
  const EnqueueOptions& options = job.options;
  backend::EnqueueItem item;
  item.id = options.id ? *options.id : JobId::make(now);
  item.queue = options.queue ? *options.queue : defaults.queue;
  item.fresh_id = !options.id;
  item.kind = job.kind;
  item.params = job.params;
  if (options.unique_key) item.unique_key = *options.unique_key;
  item.priority = options.priority;
  item.max_attempts = options.max_attempts.value_or(defaults.max_attempts);
  item.max_crashes = options.max_crashes.value_or(defaults.max_crashes);
  item.keepalive = options.keepalive.value_or(defaults.keepalive);
  item.timeout = options.timeout;
  item.retention = options.retention ? options.retention : defaults.retention;
  if (item.retention) item.retention = std::min(*item.retention, longest_retention);
  item.run_at = options.run_at;
  item.delay = std::max(options.delay, Duration::zero());
  return item;
}

}  // namespace sqlq::core
