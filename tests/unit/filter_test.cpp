// What a filter means, field by field.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/filter.hpp"

namespace sqlq::core {
namespace {

using namespace std::chrono_literals;

const TimePoint noon{std::chrono::hours(500'004)};

Job job() {
  return {.id = JobId({1}), .queue = "mail", .kind = "send", .state = JobState::errored, .priority = 10,
          .unique_key = "order-1", .created_at = noon};
}

bool fits(const JobFilter& filter, const std::vector<AttemptRecord>& history = {}) {
  return matches(filter, job(), history);
}

TEST(Filter, AnEmptyOneMeansAllJobs) { EXPECT_TRUE(fits({})); }

TEST(Filter, OneOfTheValuesIsEnough) {
  EXPECT_TRUE(fits({.ids = {JobId({2}), JobId({1})}}));
  EXPECT_FALSE(fits({.ids = {JobId({2})}}));
  EXPECT_TRUE(fits({.queues = {"sms", "mail"}}));
  EXPECT_FALSE(fits({.queues = {"Mail", "mail2", "mai"}})) << "byte by byte";
  EXPECT_TRUE(fits({.kinds = {"send"}}));
  EXPECT_FALSE(fits({.kinds = {"receive"}}));
  EXPECT_TRUE(fits({.states = {JobState::success, JobState::errored}}));
  EXPECT_FALSE(fits({.states = {JobState::pending}}));
}

TEST(Filter, EveryFieldMustFit) {
  EXPECT_TRUE(fits({.queues = {"mail"}, .kinds = {"send"}}));
  EXPECT_FALSE(fits({.queues = {"mail"}, .kinds = {"receive"}}));
}

TEST(Filter, TheWholeUniqueKeyAlsoOfAFinishedJob) {
  EXPECT_TRUE(fits({.unique_key = "order-1"}));
  EXPECT_FALSE(fits({.unique_key = "order"}));
}

TEST(Filter, FromIsInclusiveAndBeforeIsNot) {
  EXPECT_TRUE(fits({.created_from = noon}));
  EXPECT_FALSE(fits({.created_from = noon + 1us}));
  EXPECT_TRUE(fits({.created_before = noon + 1us}));
  EXPECT_FALSE(fits({.created_before = noon}));
}

TEST(Filter, PrioritiesAreARangeWithBothEnds) {
  EXPECT_TRUE(fits({.lowest_priority = 10, .highest_priority = 10}));
  EXPECT_FALSE(fits({.lowest_priority = 11}));
  EXPECT_FALSE(fits({.highest_priority = 9}));
}

TEST(Filter, ATextIsLookedForInTheLastErrorOnly) {
  const std::vector<AttemptRecord> history{{.message = "no route"}, {.message = "it timed out 100%"}};
  EXPECT_TRUE(fits({.error = "timed out"}, history));
  EXPECT_TRUE(fits({.error = "100%"}, history));
  EXPECT_FALSE(fits({.error = "timed%out"}, history)) << "no wildcards";
  EXPECT_FALSE(fits({.error = "no route"}, history)) << "that was not the last";
  EXPECT_FALSE(fits({.error = "timed out"})) << "it has no history";
}

}  // namespace
}  // namespace sqlq::core
