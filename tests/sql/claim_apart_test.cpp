#include "sql/claim_apart.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <vector>

namespace sqlq::sql {
namespace {

using namespace std::chrono_literals;

/// A lane of jobs, some of which cannot be started.
class ClaimApartTest : public ::testing::Test {
 protected:
  void add(int n) {
    for (int i = 0; i < n; ++i) waiting.push_back(JobId::make(TimePoint(Duration(++made))));
  }

  backend::ClaimResult claim(std::size_t limit) {
    const backend::ClaimRequest request{.limit = limit, .token = LeaseToken{1}};
    return claim_apart(
        request, aside, now,
        [&] {
          ++plain;
          const auto n = static_cast<std::ptrdiff_t>(std::min(limit, waiting.size()));
          return start({waiting.begin(), waiting.begin() + n});
        },
        [&](const backend::ClaimRequest& part, const Selection& selection) {
          ++apart;
          std::vector<JobId> ids;
          for (const JobId id : waiting) {
            const bool excepted = std::ranges::find(selection.except, id) != selection.except.end();
            const bool meant = !selection.starts() || std::ranges::find(selection.only, id) != selection.only.end();
            if (!excepted && meant && ids.size() < part.limit) ids.push_back(id);
          }
          if (selection.starts()) return start(ids);
          if (away_after_looking) away = true;
          backend::ClaimResult found;
          for (const JobId id : ids) found.jobs.emplace_back().id = id;
          return found;
        },
        [&](JobId id, std::string_view) {
          if (!ends) throw Error(Errc::refused, "a trigger");
          return std::erase(waiting, id) == 1;
        });
  }

  backend::ClaimResult start(const std::vector<JobId>& ids) {
    if (away) throw Error(Errc::connection, "the database is away");
    for (const JobId id : ids) {
      if (bad.contains(id)) throw Error(Errc::refused, "a trigger");
    }
    backend::ClaimResult started;
    for (const JobId id : ids) {
      started.jobs.emplace_back().id = id;
      std::erase(waiting, id);
    }
    if (then) then();
    return started;
  }

  std::vector<JobId> waiting{};
  std::set<JobId> bad{};
  bool ends = true;  ///< bad ones can be ended
  bool away = false;
  bool away_after_looking = false;
  std::function<void()> then{};  ///< after something was started
  int plain = 0;
  int apart = 0;
  int made = 0;
  SteadyPoint now{};
  SetAside aside{};
};

TEST_F(ClaimApartTest, CostsNothingUnlessAJobIsRefused) {
  add(100);
  EXPECT_EQ(claim(64).jobs.size(), 64U);
  EXPECT_EQ(plain, 1);
  EXPECT_EQ(apart, 0);
}

TEST_F(ClaimApartTest, OneOffenderOfAThousandCostsSomeFortyCallsAndIsEnded) {
  add(1000);
  bad = {waiting[700]};
  const auto result = claim(1000);
  EXPECT_EQ(result.jobs.size(), 999U) << "innocents harmed: 0";
  ASSERT_EQ(result.refused.size(), 1U);
  EXPECT_TRUE(result.refused[0].ended);
  EXPECT_LT(apart, 40);
  add(10);
  EXPECT_EQ(claim(10).jobs.size(), 10U);
  EXPECT_EQ(plain, 2) << "as usual again";
}

TEST_F(ClaimApartTest, WhatCannotBeEndedIsPassedOverForAMinuteWithoutBeingTried) {
  add(20);
  ends = false;
  bad = {waiting[0], waiting[1]};
  const auto first = claim(4);
  EXPECT_EQ(first.jobs.size(), 4U);
  EXPECT_EQ(first.refused.size(), 2U);
  apart = 0;
  const auto second = claim(4);
  EXPECT_EQ(second.jobs.size(), 4U);
  EXPECT_TRUE(second.refused.empty()) << "told once a minute";
  EXPECT_EQ(plain, 1) << "a claim that would be refused is not tried";
  EXPECT_EQ(apart, 2);
  now += 1min;
  EXPECT_EQ(claim(4).refused.size(), 2U);
}

TEST_F(ClaimApartTest, WhereAllAreRefusedNoneIsEndedAndTheCallIsBounded) {
  add(5000);
  bad = {waiting.begin(), waiting.end()};
  EXPECT_THROW(claim(1000), Error);
  EXPECT_EQ(waiting.size(), 5000U);
  EXPECT_LT(apart, 100);
}

TEST_F(ClaimApartTest, WhatIsStartedIsHeldThoughTheDatabaseGoesAwayMeanwhile) {
  add(10);
  bad = {waiting[9]};
  then = [&] { away = true; };
  EXPECT_EQ(claim(10).jobs.size(), 5U) << "a job that nobody holds is charged a crash";
}

TEST_F(ClaimApartTest, TroubleOfTheDatabaseIsThrownAndEndsNobody) {
  add(10);
  bad = {waiting[3]};
  away_after_looking = true;
  EXPECT_THROW(claim(10), Error);
  EXPECT_EQ(waiting.size(), 10U);
}

}  // namespace
}  // namespace sqlq::sql
