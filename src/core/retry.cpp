#include <sqlq/retry.hpp>

#include <algorithm>

#include "platform/random.hpp"
#include "platform/user_code.hpp"

namespace sqlq {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr Duration longest_backoff = hours(24);
constexpr Duration longest_delay = hours(24) * 365;
constexpr std::uint32_t random_range = 30;

Duration usual(int attempt) { return default_backoff(attempt, platform::random_below(random_range)); }

}  // namespace

Duration default_backoff(int attempt, std::uint32_t random) noexcept {
  constexpr int capped_from = 18;  // 18^4 s is more than 24 h; below, nothing overflows
  if (attempt >= capped_from) return longest_backoff;
  const std::int64_t n = std::max(attempt, 1);
  const std::int64_t spread = std::min(random, random_range - 1);
  return std::min<Duration>(seconds(n * n * n * n + 10 + spread * (n + 1)), longest_backoff);
}

RetryPolicy::RetryPolicy() : delay_(usual) {}

RetryPolicy RetryPolicy::constant(Duration delay) {
  return RetryPolicy([delay](int) { return delay; });
}

RetryPolicy RetryPolicy::exponential(Duration first, Duration cap) {
  return RetryPolicy([first, cap](int attempt) {
    const int doublings = attempt - 1;
    if (first.count() <= 0) return Duration::zero();
    if (doublings >= 62 || first.count() > (cap.count() >> doublings)) return cap;
    return first * (std::int64_t{1} << doublings);
  });
}

Duration RetryPolicy::delay(int attempt, bool* trouble) const {
  const int n = std::max(attempt, 1);
  try {
    return std::clamp(delay_(n), Duration::zero(), longest_delay);
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    if (trouble != nullptr) *trouble = true;
    return usual(n);
  }
}

}  // namespace sqlq
