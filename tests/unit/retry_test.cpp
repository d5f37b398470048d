#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

#include <sqlq/retry.hpp>

namespace sqlq {
namespace {

using namespace std::chrono_literals;

constexpr int most_attempts = std::numeric_limits<int>::max();

TEST(DefaultBackoff, IsTheFormula) {
  EXPECT_EQ(default_backoff(1, 0), 11s);
  EXPECT_EQ(default_backoff(1, 29), 11s + 58s);
  EXPECT_EQ(default_backoff(2, 0), 26s);
  EXPECT_EQ(default_backoff(10, 7), 10'010s + 77s);
  EXPECT_EQ(default_backoff(17, 0), 83'531s);
}

TEST(DefaultBackoff, IsCappedAndNeverNegative) {
  EXPECT_EQ(default_backoff(17, 29), 83'531s + 522s);
  for (const int attempt : {18, 19, 309, 310, 311, 55'108, 65'536, most_attempts - 1, most_attempts}) {
    EXPECT_EQ(default_backoff(attempt, 29), 24h) << attempt;
  }
  for (const int attempt : {0, -1, std::numeric_limits<int>::min()}) EXPECT_EQ(default_backoff(attempt, 0), 11s);
  EXPECT_EQ(default_backoff(1, std::numeric_limits<std::uint32_t>::max()), default_backoff(1, 29));
}

TEST(DefaultBackoff, GrowsWithTheAttempt) {
  for (int attempt = 1; attempt < 400; ++attempt) {
    EXPECT_LE(default_backoff(attempt, 3), default_backoff(attempt + 1, 3)) << attempt;
  }
}

TEST(RetryPolicy, DefaultStaysWithinTheFormula) {
  const RetryPolicy policy;
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = policy.delay(3);
    EXPECT_GE(delay, default_backoff(3, 0));
    EXPECT_LE(delay, default_backoff(3, 29));
  }
  EXPECT_EQ(policy.delay(most_attempts), 24h);
}

TEST(RetryPolicy, Constant) {
  EXPECT_EQ(RetryPolicy::constant(5s).delay(1), 5s);
  EXPECT_EQ(RetryPolicy::constant(5s).delay(most_attempts), 5s);
  EXPECT_EQ(RetryPolicy::constant(-5s).delay(1), 0s);
  EXPECT_EQ(RetryPolicy::constant(Duration::max()).delay(1), 24h * 365);
}

TEST(RetryPolicy, ExponentialDoublesUpToItsCap) {
  const RetryPolicy policy = RetryPolicy::exponential(1s, 60s);
  EXPECT_EQ(policy.delay(-3), 1s);
  EXPECT_EQ(policy.delay(1), 1s);
  EXPECT_EQ(policy.delay(2), 2s);
  EXPECT_EQ(policy.delay(6), 32s);
  EXPECT_EQ(policy.delay(7), 60s);
  EXPECT_EQ(policy.delay(most_attempts), 60s);
  EXPECT_EQ(RetryPolicy::exponential(0s, 60s).delay(100), 0s);
  EXPECT_EQ(RetryPolicy::exponential(1us, Duration::max()).delay(most_attempts), 24h * 365);
  EXPECT_EQ(RetryPolicy::exponential(Duration::max(), Duration::max()).delay(2), 24h * 365);
  EXPECT_EQ(RetryPolicy::exponential(5s, 1s).delay(1), 1s);
  EXPECT_EQ(RetryPolicy::exponential(5s, -1s).delay(1), 0s);
}

TEST(RetryPolicy, AFunctionThatThrowsGetsTheDefaultDelay) {
  const RetryPolicy throws([](int) -> Duration { throw std::runtime_error("no"); });
  for (const RetryPolicy& policy : {throws, RetryPolicy(RetryPolicy::Function{})}) {
    for (int i = 0; i < 100; ++i) {
      bool trouble = false;
      const Duration delay = policy.delay(3, &trouble);
      EXPECT_GE(delay, default_backoff(3, 0));
      EXPECT_LE(delay, default_backoff(3, 29));
      EXPECT_TRUE(trouble);
    }
    EXPECT_EQ(policy.delay(most_attempts), 24h);
  }
  bool trouble = false;
  EXPECT_EQ(RetryPolicy::constant(5s).delay(1, &trouble), 5s);
  EXPECT_FALSE(trouble);
}

TEST(RetryPolicy, ANegativeDelayCountsAsZero) {
  EXPECT_EQ(RetryPolicy([](int) { return Duration::min(); }).delay(1), 0s);
  EXPECT_EQ(RetryPolicy([](int attempt) { return Duration(attempt); }).delay(-7), Duration(1));
}

}  // namespace
}  // namespace sqlq
