// When services look: after hints, at planned times, and now and then.

#include <gtest/gtest.h>

#include <sqlq/testing/manual_clock.hpp>

#include "worker/pace.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using worker::Pace;

struct PaceTest : ::testing::Test {
  [[nodiscard]] SteadyPoint in(Duration time) { return clock->steady() + time; }
  /// A look that finds nothing.
  void look() {
    ASSERT_TRUE(pace.is_time());
    pace.plan(can);
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  backend::Capabilities can{.shared_storage = true, .cross_process_wakeup = true};
  Pace pace{*clock, {.least = 5ms, .most = 200ms}};
};

TEST_F(PaceTest, TheFirstLookIsAtOnceAndTheNextOneInItsTime) {
  look();
  EXPECT_FALSE(pace.is_time());
  EXPECT_GE(pace.next(), in(14s));
  EXPECT_LE(pace.next(), in(15s));
  clock->advance(15s);
  EXPECT_TRUE(pace.is_time());
}

TEST_F(PaceTest, WithoutWakeUpsItLooksMoreOftenTheLaterSomethingWasFound) {
  can.cross_process_wakeup = false;
  ASSERT_TRUE(pace.is_time());
  pace.found();
  pace.plan(can);
  EXPECT_LE(pace.next(), in(5ms));
  clock->advance(4s);
  ASSERT_TRUE(pace.is_time());
  pace.plan(can);
  EXPECT_GE(pace.next(), in(950ms));
  EXPECT_LE(pace.next(), in(1s));
  clock->advance(1h);
  ASSERT_TRUE(pace.is_time());
  pace.plan(can);
  EXPECT_GE(pace.next(), in(9s));
  EXPECT_LE(pace.next(), in(10s));
}

TEST_F(PaceTest, AHintIsForALookAfterAWhile) {
  look();
  EXPECT_TRUE(pace.hint());
  EXPECT_FALSE(pace.hint()) << "the service was woken";
  EXPECT_EQ(pace.next(), in(200ms));
  EXPECT_FALSE(pace.is_time());
  clock->advance(200ms);
  EXPECT_TRUE(pace.is_time());
}

TEST_F(PaceTest, AHintIsForALookAtOnceWhereTheLastOneIsLongAgo) {
  look();
  clock->advance(1s);
  EXPECT_TRUE(pace.hint());
  EXPECT_TRUE(pace.is_time());
}

TEST_F(PaceTest, HintsAreForManyLooksWhileSomethingIsFound) {
  ASSERT_TRUE(pace.is_time());
  pace.found();
  pace.plan(can);
  EXPECT_TRUE(pace.hint());
  EXPECT_EQ(pace.next(), in(5ms));
}

TEST_F(PaceTest, AHintDuringALookIsKept) {
  ASSERT_TRUE(pace.is_time());
  EXPECT_TRUE(pace.hint());
  pace.plan(can);
  EXPECT_EQ(pace.next(), in(200ms));
}

TEST_F(PaceTest, ALookThatFailsIsMadeAgainThoughAHintHadAskedForIt) {
  look();
  clock->advance(1s);
  EXPECT_TRUE(pace.hint());
  ASSERT_TRUE(pace.is_time());
  EXPECT_TRUE(pace.is_time()) << "nothing was planned";
}

TEST_F(PaceTest, WhatOnlyAPersonCanMendMakesItDeafForAMinute) {
  ASSERT_TRUE(pace.is_time());
  pace.rest();
  EXPECT_TRUE(pace.hint());
  EXPECT_EQ(pace.next(), in(1min));
  clock->advance(1min);
  ASSERT_TRUE(pace.is_time());
  pace.plan(can);
  EXPECT_TRUE(pace.hint());
  EXPECT_EQ(pace.next(), in(200ms));
}

}  // namespace
}  // namespace sqlq::testing
