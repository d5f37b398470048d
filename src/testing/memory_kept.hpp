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
        key(given.key), unique_key(given.unique_key) {}
  [[nodiscard]] backend::EnqueueItem view() const {
    backend::EnqueueItem same = item;
    same.queue = queue;
    same.kind = kind;
    same.params = params;
    same.headers = headers;
    same.key = key;
    same.unique_key.reset();
    if (unique_key) same.unique_key = *unique_key;
    return same;
  }
  Enqueued operator()(MemoryQueue& jobs, Instant now) const { return jobs.enqueue(view(), now); }

  backend::EnqueueItem item;
  std::string queue, kind, params, headers, key;
  std::optional<std::string> unique_key;
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

/// A step to record.
struct KeptStep {
  explicit KeptStep(const backend::NewStep& given) : step(given), name(given.name), value(given.value) {}
  backend::RecordAnswer operator()(MemoryQueue& jobs, Instant now) const {
    backend::NewStep same = step;
    same.name = name;
    same.value = value;
    return jobs.record_step_within(same, now);
  }

  backend::NewStep step;
  std::string name, value;
};

/// A signal to store.
struct KeptSignal {
  explicit KeptSignal(const MemoryQueue::Signal& given) : signal(given), name(given.name), value(given.value) {}
  SignalStatus operator()(MemoryQueue& jobs, Instant now) const {
    return jobs.signal({.id = signal.id, .name = name, .value = value, .mode = signal.mode}, now);
  }

  MemoryQueue::Signal signal;
  std::string name, value;
};

/// Whether a write was answered as the first time.
inline bool same(const Enqueued& a, const Enqueued& b) { return a.id == b.id && a.status == b.status; }
inline bool same(const backend::RecordAnswer& a, const backend::RecordAnswer& b) {
  return a.status == b.status && a.step.claim == b.step.claim && a.step.value == b.step.value;
}
template <class Status>
bool same(Status a, Status b) {
  return a == b;
}

}  // namespace sqlq::testing
