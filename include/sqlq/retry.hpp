#pragma once
/// \file
/// When a failed attempt is tried again: a value.

#include <cstdint>
#include <functional>
#include <utility>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>

namespace sqlq {

/// Maps the number of the attempt that failed (1, 2, ...) to the delay before the next one.
///
/// The default is the original's back-off, saturating and capped:
/// attempt^4 + 10 + rand(30) * (attempt + 1) seconds, at most 24 h.
///
/// Thread-safety: `delay` may be called from many threads at once; a custom function must allow that.
/// Errors: for a custom function that throws, or is empty, the default back-off is taken, and a worker says so by an
/// event. One that ends its thread: see Worker. A negative delay counts as zero.
class SQLQ_API RetryPolicy {
 public:
  /// The delay after attempt number `attempt`, which is 1 or more, has failed.
  using Function = std::function<Duration(int attempt)>;

  /// The default back-off.
  RetryPolicy();
  /// Your own.
  explicit RetryPolicy(Function delay) : delay_(std::move(delay)) {}

  /// Always the same delay.
  [[nodiscard]] static RetryPolicy constant(Duration delay);
  /// first, 2*first, 4*first, ... at most `cap`; no randomness.
  [[nodiscard]] static RetryPolicy exponential(Duration first, Duration cap);

  /// Never negative, never more than 365 days. `attempt` below 1 counts as 1.
  /// `trouble`, if given, becomes true when the custom function threw.
  [[nodiscard]] Duration delay(int attempt, bool* trouble = nullptr) const;

 private:
  Function delay_;
};

/// The default formula with the random part given (0 <= random < 30): saturating in 64 bits, capped at 24 h.
[[nodiscard]] SQLQ_API Duration default_backoff(int attempt, std::uint32_t random) noexcept;

}  // namespace sqlq
