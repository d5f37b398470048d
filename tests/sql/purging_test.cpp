#include "sql/purging.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace sqlq::sql {
namespace {

struct Table {
  std::set<int> jobs{};
  std::set<int> held{};
  int refusals = 0;

  explicit Table(int n) {
    for (int i = 0; i < n; ++i) jobs.insert(i);
  }
  PurgeReport purge() {
    const std::vector<int> all(jobs.begin(), jobs.end());
    return purge_apart<int>(
        all,
        [&](std::span<const int> some) {
          if (std::ranges::any_of(some, [&](int i) { return held.contains(i); })) {
            ++refusals;
            throw Error(Errc::refused, "held");
          }
          for (const int i : some) jobs.erase(i);
          return some.size();
        },
        [&](int) { return JobId{}; });
  }
};

TEST(PurgeApart, LeavesTheOnesThatAreHeldAndNoOther) {
  Table table(1000);
  table.held = {0, 500, 999};
  const PurgeReport report = table.purge();
  EXPECT_EQ(report.deleted, 997u);
  EXPECT_EQ(report.kept.size(), 3u);
  EXPECT_EQ(table.jobs, table.held);
  EXPECT_LE(table.refusals, 3 * 11);
}

TEST(PurgeApart, GivesUpAfterSomeHundredRefusals) {
  Table table(1000);
  table.held = table.jobs;
  const PurgeReport report = table.purge();
  EXPECT_EQ(report.deleted, 0u);
  EXPECT_GT(report.kept.size(), 50u);
  EXPECT_EQ(table.refusals, 200);
}

TEST(PurgeApart, PassesOtherErrorsOn) {
  const std::vector<int> some{1, 2};
  const auto fail = [](std::span<const int>) -> std::size_t { throw Error(Errc::busy, "busy"); };
  EXPECT_THROW((void)purge_apart<int>(some, fail, [](int) { return JobId{}; }), Error);
}

}  // namespace
}  // namespace sqlq::sql
