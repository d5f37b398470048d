#pragma once
// The queue between the fetcher and the executors.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace sqlq::worker {

/// A blocking queue. It needs no capacity of its own: the fetcher never puts in more than there are free slots.
/// Thread-safety: all members from any thread.
template <class T>
class Channel final {
 public:
  void push(std::vector<T> items) {
    const std::size_t added = items.size();
    {
      const std::lock_guard lock(mutex_);
      for (T& item : items) items_.push_back(std::move(item));
    }
    for (std::size_t i = 0; i < added; ++i) filled_.notify_one();
  }

  /// Waits for an item; empty when the channel is closed.
  std::optional<T> take() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return closed_ || !items_.empty(); });
    return pop();
  }
  std::optional<T> try_take() {
    const std::lock_guard lock(mutex_);
    return pop();
  }

  /// Wakes everybody who waits and returns what nobody took.
  std::vector<T> close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    filled_.notify_all();
    std::vector<T> rest(std::make_move_iterator(items_.begin()), std::make_move_iterator(items_.end()));
    items_.clear();
    return rest;
  }

 private:
  std::optional<T> pop() {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }

  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace sqlq::worker
