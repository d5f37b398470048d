// How long Bulk rests between its steps.

#include <gtest/gtest.h>

#include "client/bulk_pace.hpp"

namespace sqlq {
namespace {

using namespace std::chrono_literals;

TEST(BulkPace, StepsThatAreAlikeAreTheirShareOfTheTime) {
  BulkPace pace(0.1);
  for (int step = 0; step < 100; ++step) EXPECT_EQ(pace.rest_after(20ms), 180ms);
}

TEST(BulkPace, AStepThatTookLongerIsFollowedByARestThatIsLongerInProportion) {
  BulkPace pace(0.2);
  EXPECT_EQ(pace.rest_after(10ms), 40ms);
  EXPECT_EQ(pace.rest_after(20ms), 2 * 80ms);
  EXPECT_EQ(pace.rest_after(40ms), 4 * 160ms);
  EXPECT_EQ(pace.rest_after(100ms), 4 * 400ms) << "at most four times";
  EXPECT_EQ(pace.rest_after(10ms), 40ms) << "at once when it is quick again";
  EXPECT_EQ(pace.rest_after(5ms), 20ms);
  EXPECT_EQ(pace.rest_after(10ms), 2 * 40ms) << "the quickest of the last ones counts";
}

TEST(BulkPace, WhatHasBeenSlowForSixteenStepsIsTheUsual) {
  BulkPace pace(0.5);
  EXPECT_EQ(pace.rest_after(10ms), 10ms);
  for (int step = 0; step < 15; ++step) EXPECT_EQ(pace.rest_after(20ms), 2 * 20ms) << step;
  EXPECT_EQ(pace.rest_after(20ms), 20ms);
}

TEST(BulkPace, NoRestsWithAShareOfOneAndNoneThatIsLongerThanAMinute) {
  BulkPace hasty(1);
  EXPECT_EQ(hasty.rest_after(10ms), 0ms);
  EXPECT_EQ(hasty.rest_after(1s), 0ms);
  BulkPace shy(0.5);
  EXPECT_EQ(shy.rest_after(0ms), 1us) << "a step takes a microsecond at least";
  EXPECT_EQ(shy.rest_after(Duration::max()), 1min);
}

}  // namespace
}  // namespace sqlq
