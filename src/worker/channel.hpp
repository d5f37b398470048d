#pragma once
// The queue between the fetcher and the executors.

#include <atomic>
#include <cstddef>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "core/mutex.hpp"

namespace sqlq::worker {

/// A blocking queue. It needs no capacity of its own: the fetcher never puts in more than there are free slots.
///
/// One waiter at a time is being woken; it wakes the next if there is more. So short jobs are run by the few threads
/// that are awake already, and the others sleep on. (Waking one for each job took more than half of a worker's
/// processor time while it drained a queue: docs/decisions/0007.)
///
/// Thread-safety: all members from any thread. A thread that waits may be cancelled.
template <class T>
class Channel final {
 public:
  /// Returns what it does not take, because it is closed.
  [[nodiscard]] std::vector<T> push(std::vector<T> items) {
    if (items.empty()) return items;
    const core::MutexLock lock(mutex_);
    if (closed_) return items;
    for (T& item : items) items_.push_back(std::move(item));
    size_ = items_.size();
    wake_one();
    return {};
  }

  /// Waits for an item; empty when the channel is closed.
  std::optional<T> take() {
    const core::MutexLock lock(mutex_);
    while (items_.empty() && !closed_) wait();
    std::optional<T> item = pop();
    wake_one();
    return item;
  }
  std::optional<T> try_take() {
    const core::MutexLock lock(mutex_);
    return pop();
  }
  /// As of a moment ago.
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  /// Wakes all waiting threads and returns the items that nobody took.
  std::vector<T> close() {
    const core::MutexLock lock(mutex_);
    closed_ = true;
    filled_.notify_all();
    std::vector<T> rest(std::make_move_iterator(items_.begin()), std::make_move_iterator(items_.end()));
    items_.clear();
    size_ = 0;
    return rest;
  }

 private:
  std::optional<T> pop() SQLQ_REQUIRES(mutex_) {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    size_ = items_.size();
    return item;
  }
  void wait() SQLQ_REQUIRES(mutex_) {
    ++waiting_;
    try {
      filled_.wait(mutex_);
    } catch (...) {  // the thread was cancelled; perhaps it was the one to be woken
      come_back();
      wake_one();
      throw;
    }
    come_back();
  }
  void come_back() SQLQ_REQUIRES(mutex_) {
    --waiting_;
    waking_ = false;  // also when others were quicker, or the next item would wake nobody
  }
  void wake_one() SQLQ_REQUIRES(mutex_) {
    if (items_.empty() || waiting_ == 0 || waking_) return;
    waking_ = true;
    filled_.notify_one();
  }

  core::Mutex mutex_;
  core::Condition filled_;
  std::deque<T> items_ SQLQ_GUARDED_BY(mutex_);
  std::atomic<std::size_t> size_{0};  // of items_
  std::size_t waiting_ SQLQ_GUARDED_BY(mutex_) = 0;
  bool waking_ SQLQ_GUARDED_BY(mutex_) = false;  // somebody was notified and has not come yet
  bool closed_ SQLQ_GUARDED_BY(mutex_) = false;
};

}  // namespace sqlq::worker
