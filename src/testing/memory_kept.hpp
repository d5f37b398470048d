#pragma once
// Writes of a transaction are made again at its commit, when what the caller's views point to is gone: these keep it.

#include <optional>
#include <string>

#include <sqlq/backend/dialect.hpp>

#include "testing/memory_queue.hpp"

namespace sqlq::testing {

/// A job to store.
struct KeptEnqueue {
  explicit KeptEnqueue(const backend::EnqueueItem& given)
      : item(given), queue(given.queue), kind(given.kind), params(given.params), headers(given.headers),
        key(given.unique_key) {}
  [[nodiscard]] backend::EnqueueItem view() const {
    backend::EnqueueItem same = item;
    same.queue = queue;
    same.kind = kind;
    same.params = params;
    same.headers = headers;
    same.unique_key.reset();
    if (key) same.unique_key = *key;
    return same;
  }
  Enqueued operator()(MemoryQueue& jobs, Instant now) const { return jobs.enqueue(view(), now); }

  backend::EnqueueItem item;
  std::string queue, kind, params, headers;
  std::optional<std::string> key;
};

/// A lease to end.
struct KeptFinish {
  explicit KeptFinish(const backend::Finish& given)
      : item(given), result(given.result), message(given.message) {}
  FinishStatus operator()(MemoryQueue& jobs, Instant now) const {
    backend::Finish same = item;
    same.result = result;
    same.message = message;
    return jobs.finish(same, now);
  }

  backend::Finish item;
  std::string result, message;
};

/// A job to cancel.
struct KeptCancel {
  explicit KeptCancel(JobId given) : id(given) {}
  CancelStatus operator()(MemoryQueue& jobs, Instant now) const { return jobs.cancel(id, now); }

  JobId id;
};

/// Whether a write was answered as the first time.
inline bool same(const Enqueued& a, const Enqueued& b) { return a.id == b.id && a.status == b.status; }
template <class Status>
bool same(Status a, Status b) {
  return a == b;
}

}  // namespace sqlq::testing
