#include "core/enqueue_items.hpp"

#include <algorithm>

#include <sqlq/error.hpp>

#include "core/gate.hpp"
#include "core/retention.hpp"

namespace sqlq::core {

Headers stored_headers(const EnqueueOptions& options) {
  Headers all = options.headers;
  if (options.key) all.insert_or_assign(std::string(key_header), *options.key);
  return all;
}

void check_can_store(const backend::Capabilities& can, const EnqueueOptions& options) {
  if (!options.headers.empty() && !can.headers) {
    throw Error(Errc::configuration,
                "this database's backend stores no headers of jobs (capability `headers`): leave them out, or use a "
                "backend that does");
  }
  if (options.key && !can.limits) {
    throw Error(Errc::configuration,
                "this database's backend has no limits by key (capability `limits`): leave the key out, or use a "
                "backend that has them");
  }
}

backend::EnqueueItem item_of(const NewJob& job, const ClientOptions& defaults, TimePoint now) {
  const EnqueueOptions& options = job.options;
  backend::EnqueueItem item;
  item.id = options.id ? *options.id : JobId::make(now);
  item.queue = options.queue ? *options.queue : defaults.queue;
  item.fresh_id = !options.id;
  item.kind = job.kind;
  item.params = job.params;
  if (options.unique_key) item.unique_key = *options.unique_key;
  if (options.key) item.key = *options.key;
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
