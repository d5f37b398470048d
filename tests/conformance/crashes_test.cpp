// Promise I7, second half: a job that kills its worker again and again is stopped.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Crashes, StopTheJobAfterMaxCrashes) {
  const JobId id = enqueue({.max_attempts = 25, .max_crashes = 3});
  for (int crash = 1; crash <= 3; ++crash) {
    EXPECT_EQ(take().attempt, crash);
    clock().advance(31s);
    const ReapReport report = client().reap();
    EXPECT_EQ(report.returned.size(), crash < 3 ? 1u : 0u);
    EXPECT_EQ(report.errored.size(), crash < 3 ? 0u : 1u);
    EXPECT_EQ(row(id).crashes, crash);
  }
  EXPECT_EQ(state(id), JobState::errored);
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(causes(id), std::vector<Cause>(3, Cause::lease_ended));
}

TEST_P(Crashes, OneIsEnoughWhenOnlyOneIsAllowed) {
  const JobId id = enqueue({.max_crashes = 1});
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored, std::vector<JobId>{id});
}

TEST_P(Crashes, OrdinaryErrorsAreNotCrashes) {
  const JobId id = enqueue({.max_crashes = 1});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client().error(take(), "no", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  }
  EXPECT_EQ(row(id).crashes, 0);
  EXPECT_EQ(row(id).attempt, 5);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
}

TEST_P(Crashes, ErrorsInBetweenDoNotForgiveThem) {
  const JobId id = enqueue({.max_crashes = 2});
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned.size(), 1u);
  EXPECT_EQ(client().error(take(), "no", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored, std::vector<JobId>{id});
}

}  // namespace sqlq::conformance
