#pragma once
// Randomness for waits, so that many workers that failed or started together do not come back together.

#include <cstdint>
#include <random>

#include <sqlq/clock.hpp>

namespace sqlq::worker {

/// One thread at a time.
class Jitter final {
 public:
  explicit Jitter(std::uint64_t seed) : engine_(seed) {}
  /// Uniform in [low, high].
  [[nodiscard]] Duration between(Duration low, Duration high) {
    return Duration(std::uniform_int_distribution<Duration::rep>(low.count(), high.count())(engine_));
  }
  /// A little less than that, for what is done again and again.
  [[nodiscard]] Duration about(Duration wait) { return between(wait - wait / 20, wait); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sqlq::worker
