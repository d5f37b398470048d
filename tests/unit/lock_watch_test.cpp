// What a process has seen of a lock that keeps everybody from writing.

#include <gtest/gtest.h>

#include <memory>

#include <sqlq/testing/manual_clock.hpp>

#include "core/lock_watch.hpp"

namespace sqlq::core {
namespace {

using namespace std::chrono_literals;

TEST(LockWatch, SaysSinceWhenTheLockWasTaken) {
  const auto clock = std::make_shared<testing::ManualClock>();
  LockWatch watch(clock);
  EXPECT_FALSE(watch.taken_since());
  const SteadyPoint begin = clock->steady();
  for (int i = 0; i < 50; ++i) {
    watch.taken();
    EXPECT_EQ(watch.taken_since(), begin);
    clock->advance(1s);
  }
  watch.got();
  EXPECT_EQ(watch.taken_since(), begin) << "for a moment, in which we renew";
  EXPECT_EQ(watch.spared_after(), begin);
  clock->advance(1500ms);
  EXPECT_FALSE(watch.taken_since());
  EXPECT_EQ(watch.spared_after(), begin) << "longer than anybody counts on it";
  clock->advance(500ms);
  EXPECT_FALSE(watch.spared_after());
}

TEST(LockWatch, ThoseWhoCrowdWhenItIsFreeAgainBreakNothing) {
  const auto clock = std::make_shared<testing::ManualClock>();
  LockWatch watch(clock);
  const SteadyPoint begin = clock->steady();
  watch.taken();
  clock->advance(1s);
  watch.got();
  watch.taken();  // by another who had waited
  EXPECT_EQ(watch.taken_since(), begin);
  clock->advance(100ms);
  watch.got();
  EXPECT_EQ(watch.taken_since(), begin);
  EXPECT_EQ(watch.spared_after(), begin);
  clock->advance(650ms);
  EXPECT_FALSE(watch.taken_since());
  watch.taken();
  EXPECT_EQ(watch.taken_since(), clock->steady());
}

TEST(LockWatch, AGapInWhichNobodyLookedBreaksIt) {
  const auto clock = std::make_shared<testing::ManualClock>();
  LockWatch watch(clock);
  const SteadyPoint begin = clock->steady();
  watch.taken();
  clock->advance(10s);
  EXPECT_FALSE(watch.taken_since()) << "nobody has looked";
  watch.taken();
  EXPECT_EQ(watch.taken_since(), clock->steady()) << "somebody may have had it meanwhile";
  clock->advance(1s);
  watch.got();
  EXPECT_EQ(watch.spared_after(), begin) << "but nobody here has seen it free";
}

TEST(LockWatch, AShortTimeSparesForAsShortATime) {
  const auto clock = std::make_shared<testing::ManualClock>();
  LockWatch watch(clock);
  const SteadyPoint begin = clock->steady();
  watch.taken();
  clock->advance(400ms);
  watch.got();
  clock->advance(299ms);
  EXPECT_EQ(watch.taken_since(), begin);
  clock->advance(100ms);
  EXPECT_FALSE(watch.taken_since());
  EXPECT_EQ(watch.spared_after(), begin);
  clock->advance(1ms);
  EXPECT_FALSE(watch.spared_after());
}

TEST(LockWatch, AMomentSparesNothing) {
  const auto clock = std::make_shared<testing::ManualClock>();
  LockWatch watch(clock);
  watch.taken();
  clock->advance(100ms);
  watch.got();
  EXPECT_FALSE(watch.taken_since());
  EXPECT_FALSE(watch.spared_after());
}

TEST(LockWatch, WhoHasWaitedInVainKnowsItSinceItBeganToWait) {
  const auto clock = std::make_shared<testing::ManualClock>();
  LockWatch watch(clock, 2s);
  const SteadyPoint begin = clock->steady();
  for (int i = 0; i < 20; ++i) {
    const SteadyPoint since = clock->steady();
    clock->advance(1s);
    watch.taken(since);
    clock->advance(600ms);
    EXPECT_EQ(watch.taken_since(), begin);
    EXPECT_EQ(watch.spared_after(), begin) << "also while it is taken";
  }
  clock->advance(1500ms);
  EXPECT_FALSE(watch.taken_since()) << "nobody has looked for 2.1 s";
  EXPECT_EQ(watch.spared_after(), begin);
}

TEST(LockWatch, WhoGetsItAfterAWaitHasSeenItTaken) {
  const auto clock = std::make_shared<testing::ManualClock>();
  LockWatch watch(clock);
  const SteadyPoint begin = clock->steady();
  clock->advance(249ms);
  watch.got(begin);
  EXPECT_FALSE(watch.spared_after()) << "that keeps nobody from renewing";
  const SteadyPoint since = clock->steady();
  clock->advance(10s);
  watch.got(since);
  EXPECT_EQ(watch.taken_since(), since);
  EXPECT_EQ(watch.spared_after(), since);
  clock->advance(2s);
  EXPECT_FALSE(watch.spared_after());
}

TEST(LockWatch, OfSeveralWhoWaitedTheFirstCounts) {
  const auto clock = std::make_shared<testing::ManualClock>();
  LockWatch watch(clock, 2s);
  const SteadyPoint begin = clock->steady();
  clock->advance(9s);
  const SteadyPoint later = clock->steady();
  clock->advance(1s);
  watch.taken(later);
  watch.got(begin);
  EXPECT_EQ(watch.spared_after(), begin);
  watch.got(later);
  EXPECT_EQ(watch.spared_after(), begin);
}

TEST(LockWatch, OneThatIsTakenAgainBeforeHoldersCouldRenewSparesThemOn) {
  const auto clock = std::make_shared<testing::ManualClock>();
  LockWatch watch(clock, 2s);
  const SteadyPoint begin = clock->steady();
  clock->advance(10s);
  watch.got(begin);
  clock->advance(1s);
  const SteadyPoint again = clock->steady();
  clock->advance(10s);
  watch.got(again);
  EXPECT_EQ(watch.spared_after(), begin);
}

}  // namespace
}  // namespace sqlq::core
