// Batch handlers on the harness: a batch is run when it is full or nothing else is due.

#include <stdexcept>

#include <gtest/gtest.h>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view url = "sqlite::memory:";

struct Row {
  static constexpr std::string_view kind = "row";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Row, n)
};

struct Plain {
  static constexpr std::string_view kind = "plain";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Plain, n)
};

TEST(HarnessBatch, ABatchIsRunWhenItIsFullOrNothingElseIsDue) {
  std::vector<std::string> calls;
  Handlers handlers;
  handlers.batch<Row>({.size = 3, .linger = 1min}, [&](std::span<const Row> rows) {
    std::string& call = calls.emplace_back("rows");
    for (const Row& row : rows) call += ' ' + std::to_string(row.n);
  });
  handlers.on<Plain>([&](const Plain& plain) { calls.push_back("plain " + std::to_string(plain.n)); });
  Harness q(url, handlers);
  for (int n = 0; n < 5; ++n) {
    q.client().enqueue(Row{n});
    q.client().enqueue(Plain{n});
  }
  EXPECT_EQ(q.work_due(), 10U);
  EXPECT_EQ(calls, (std::vector<std::string>{"plain 0", "plain 1", "rows 0 1 2", "plain 2", "plain 3", "plain 4",
                                             "rows 3 4"}));
  EXPECT_EQ(q.stats().succeeded, 10U);
  EXPECT_EQ(q.stats().busy, 0U);
  EXPECT_EQ(q.work_due(), 0U);
}

TEST(HarnessBatch, RunsAndHoldsNoMoreJobsThanItIsAskedFor) {
  std::vector<std::size_t> sizes;
  Handlers handlers;
  handlers.batch<Row>({.size = 10}, [&](std::span<const Row> rows) { sizes.push_back(rows.size()); });
  Harness q(url, handlers);
  for (int n = 0; n < 7; ++n) q.client().enqueue(Row{n});
  EXPECT_EQ(q.work_due(4), 4U);
  EXPECT_EQ(q.stats().claimed, 4U);
  EXPECT_EQ(q.work_due(), 3U);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{4, 3}));
}

TEST(HarnessBatch, AfterABatchHasFailedItsJobsRunAlone) {
  std::vector<std::size_t> sizes;
  Handlers handlers;
  handlers.batch<Row>({.size = 4},
                      [&](std::span<const Row> rows) {
                        sizes.push_back(rows.size());
                        for (const Row& row : rows) {
                          if (row.n == 2) throw std::runtime_error("bad value");
                        }
                      },
                      {.retry = RetryPolicy::constant(1min)});
  Harness q(url, handlers);
  std::vector<JobId> ids;
  for (int n = 0; n < 4; ++n) ids.push_back(q.client().enqueue(Row{n}, {.max_attempts = 2}).id);
  EXPECT_EQ(q.work_for(1h), 8U);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{4, 1, 1, 1, 1}));
  for (std::size_t n = 0; n < 4; ++n) {
    EXPECT_EQ(q.admin().find(ids[n])->state, n == 2 ? JobState::errored : JobState::success);
    EXPECT_EQ(q.admin().history(ids[n])[0].message, "in a batch of 4 jobs: bad value");
  }
}

TEST(HarnessBatch, ClaimsNoMoreThanTheWorkerMay) {
  Handlers handlers;
  handlers.batch<Row>({.size = 10}, [](std::span<const Row>) {});
  Harness q(url, handlers, {.max_jobs = 3});
  for (int n = 0; n < 7; ++n) q.client().enqueue(Row{n});
  EXPECT_EQ(q.work_due(), 3U);
  EXPECT_EQ(q.stats().claimed, 3U);
}

}  // namespace
}  // namespace sqlq::testing
