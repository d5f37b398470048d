#pragma once
// How many jobs may be started, and how many are.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <sqlq/clock.hpp>

namespace sqlq::worker {

/// A slot is used from before the claim of a job until its handler has returned.
/// Thread-safety: all members from any thread.
class Slots final {
 public:
  /// `given_back` must outlive it. `most_jobs`: how many jobs may use them one after the other; 0: no limit.
  Slots(Signal& given_back, std::size_t capacity, std::uint64_t most_jobs = 0)
      : capacity_(capacity), left_(most_jobs == 0 ? no_limit : most_jobs), given_back_(given_back) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_.load(); }
  [[nodiscard]] std::size_t used() const noexcept {
    const std::uint64_t state = state_.load();
    return jobs_in(state) + claims_in(state);
  }
  [[nodiscard]] std::size_t free() const noexcept {
    const std::size_t used = this->used();
    const std::size_t capacity = capacity_.load();
    return used < capacity ? capacity - used : 0;
  }
  /// Used by jobs, not by claims under way.
  [[nodiscard]] std::size_t with_jobs() const noexcept { return jobs_in(state_.load()); }

  /// As many jobs as may use them have been claimed.
  [[nodiscard]] bool used_up() const noexcept { return left_.load() == 0 && claims_in(state_.load()) == 0; }

  /// Takes free ones for a claim, `most` at most; says how many.
  [[nodiscard]] std::size_t take(std::size_t most) noexcept {
    most = reserve(most);
    std::uint64_t state = state_.load();
    for (;;) {
      const std::size_t used = jobs_in(state) + claims_in(state);
      const std::size_t capacity = capacity_.load();
      const std::size_t n = std::min(most, used < capacity ? capacity - used : 0);
      if (!state_.compare_exchange_weak(state, state + n * one_claim)) continue;
      left_.fetch_add(most - n);
      return n;
    }
  }
  /// A claim that had taken so many has ended: so many of them got a job, the others are free.
  void claimed(std::size_t taken, std::size_t jobs) noexcept {
    left_.fetch_add(taken - jobs);
    state_.fetch_sub(taken * one_claim - jobs);
  }
  /// So many jobs need theirs no more.
  void give(std::size_t n) noexcept {
    state_.fetch_sub(n);
    if (watched_.load()) given_back_.notify();
  }
  /// So many that are free are used by no claim and no job until they are given back.
  void set_aside(std::size_t n) noexcept { state_.fetch_add(n * one_claim); }
  void give_back(std::size_t n) noexcept { state_.fetch_sub(n * one_claim); }
  /// A thread is gone, or has come.
  void shrink() noexcept { capacity_.fetch_sub(1); }
  void grow() noexcept { capacity_.fetch_add(1); }
  /// From now on each one given back is notified.
  void watch() noexcept { watched_.store(true); }

 private:
  // Both counts in one, so that no slot is ever seen in none of them: claims above, jobs below.
  static constexpr std::uint64_t one_claim = std::uint64_t{1} << 32;
  static constexpr std::size_t jobs_in(std::uint64_t state) noexcept {
    return static_cast<std::size_t>(state & (one_claim - 1));
  }
  static constexpr std::size_t claims_in(std::uint64_t state) noexcept {
    return static_cast<std::size_t>(state / one_claim);
  }

  // Half of the range: what claims give back is not yet told from a limit that is near.
  static constexpr std::uint64_t no_limit = std::uint64_t{1} << 63;
  std::size_t reserve(std::size_t most) noexcept {
    std::uint64_t left = left_.load();
    for (;;) {
      const std::uint64_t n = std::min<std::uint64_t>(most, left);
      if (left_.compare_exchange_weak(left, left - n)) return static_cast<std::size_t>(n);
    }
  }

  std::atomic<std::size_t> capacity_;
  std::atomic<std::uint64_t> state_{0};
  std::atomic<std::uint64_t> left_;  // jobs that may still be claimed
  std::atomic<bool> watched_{false};
  Signal& given_back_;
};

}  // namespace sqlq::worker
