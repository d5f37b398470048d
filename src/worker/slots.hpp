#pragma once
// How many jobs may be started, and how many are.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>

#include <sqlq/clock.hpp>

namespace sqlq::worker {

/// A slot is used from before the claim of a job until its handler has returned.
/// Thread-safety: `wait_used_at_most` from one thread at a time, the rest from any thread.
class Slots final {
 public:
  Slots(Clock& clock, std::size_t capacity) : capacity_(capacity), given_back_(clock.make_signal()) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_.load(); }
  [[nodiscard]] std::size_t used() const noexcept { return used_.load(); }
  [[nodiscard]] std::size_t free() const noexcept {
    const std::size_t used = used_.load();
    const std::size_t capacity = capacity_.load();
    return used < capacity ? capacity - used : 0;
  }

  /// Takes free ones, `most` at most; says how many.
  [[nodiscard]] std::size_t take(std::size_t most) noexcept {
    std::size_t used = used_.load();
    for (;;) {
      const std::size_t capacity = capacity_.load();
      const std::size_t n = std::min(most, used < capacity ? capacity - used : 0);
      if (used_.compare_exchange_weak(used, used + n)) return n;
    }
  }
  void give(std::size_t n) noexcept {
    used_.fetch_sub(n);
    if (watched_.load()) given_back_->notify();
  }
  /// The slot's thread is gone: it will never be free again.
  void retire() noexcept {
    capacity_.fetch_sub(1);
    give(1);
  }

  /// Returns false when the deadline passed first.
  bool wait_used_at_most(std::size_t n, SteadyPoint deadline) {
    watched_.store(true);
    while (used() > n) {
      if (!given_back_->wait_until(deadline)) return used() <= n;
    }
    return true;
  }

 private:
  std::atomic<std::size_t> capacity_;
  std::atomic<std::size_t> used_{0};
  std::atomic<bool> watched_{false};
  std::unique_ptr<Signal> given_back_;
};

}  // namespace sqlq::worker
