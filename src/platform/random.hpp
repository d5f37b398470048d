#pragma once
/// \file
/// Randomness from the operating system: unpredictable, different in every thread and in every forked child.
///
/// Thread-safety: any thread; no locks. Errors: Error(internal) when the system has no randomness to give.

#include <cstdint>

#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq::platform {

[[nodiscard]] SQLQ_API std::uint64_t random64();

/// Any positive token: 63 random bits, but not 0, which means "none".
[[nodiscard]] SQLQ_API LeaseToken random_token();

/// 0 <= result < bound; `bound` must not be 0.
[[nodiscard]] SQLQ_API std::uint32_t random_below(std::uint32_t bound);

/// While it lives, the random numbers of the thread that made it come from a seed, so that a simulation can be
/// repeated: ids, tokens, jitter. One at a time.
class SeededRandom final {
 public:
  explicit SeededRandom(std::uint64_t seed) noexcept;
  ~SeededRandom();
  SeededRandom(const SeededRandom&) = delete;
  SeededRandom& operator=(const SeededRandom&) = delete;
};

}  // namespace sqlq::platform
