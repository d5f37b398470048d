// Which of the due jobs a claim moves.

#include <gtest/gtest.h>

#include "sql/due.hpp"

namespace sqlq::sql {
namespace {

std::vector<Place> places(std::int64_t from, std::int64_t n) {
  std::vector<Place> result;
  for (std::int64_t i = 0; i < n; ++i) result.push_back({.lane = 1, .priority = 1, .due = 1, .seq = from + i});
  return result;
}

TEST(Due, FewAreAllKnownWithoutRanking) {
  const auto never = [](std::int64_t) -> std::vector<Place> {
    ADD_FAILURE() << "nothing is to be ranked";
    return {};
  };
  EXPECT_EQ(first_due(places(1, 5), 5, never).size(), 5u);
}

TEST(Due, ManyAreRankedAndCut) {
  const auto by_rank = [](std::int64_t n) { return places(100, n); };
  const auto first = first_due(places(1, 6), 5, by_rank);
  ASSERT_EQ(first.size(), 5u);
  EXPECT_EQ(first.front().seq, 100);
}

TEST(Due, WhereRankingGivesUpTheEarliestAreThereAsWell) {
  const auto gives_up = [](std::int64_t) { return places(3, 1); };
  EXPECT_EQ(first_due(places(1, 6), 5, gives_up).size(), 6u) << "the third is one of them";
}

TEST(Due, ALaneThatWaitsForOthersIsNoReasonToComeAgain) {
  const Lane plain{.id = 1};
  const Lane limited{.id = 2, .concurrency = 1};
  const Lane suspects{.id = -1};
  EXPECT_EQ(next_due({{plain, 5}, {plain, 20}}, 10), 5) << "somebody else is moving it";
  EXPECT_EQ(next_due({{limited, 5}, {suspects, 6}, {plain, 20}}, 10), 20);
  EXPECT_EQ(next_due({{limited, 15}, {plain, 20}}, 10), 15);
  EXPECT_EQ(next_due({}, 10), std::nullopt);
}

}  // namespace
}  // namespace sqlq::sql
