// Order: queue priority, job priority (lower first), due time, insertion.

#include <climits>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(PriorityOrder, LowerNumbersFirstOverTheWholeRangeOfInt) {
  std::vector<JobId> expected;
  for (const int priority : {INT_MIN, INT_MIN + 1, -1, 0, 1, 10, INT_MAX - 1, INT_MAX}) {
    expected.insert(expected.begin(), enqueue({.priority = priority}));
  }
  const std::vector<Job> jobs = claim(100);
  ASSERT_EQ(jobs.size(), expected.size());
  EXPECT_EQ(jobs.front().priority, INT_MIN);
  EXPECT_EQ(jobs.back().priority, INT_MAX);
  EXPECT_EQ(std::vector<JobId>(expected.rbegin(), expected.rend()), ids_of(jobs));
}

TEST_P(PriorityOrder, EqualJobsComeInTheOrderOfTheirInsertion) {
  std::vector<JobId> expected;
  for (int i = 0; i < 50; ++i) expected.push_back(enqueue());
  EXPECT_EQ(ids_of(claim(100)), expected);
}

TEST_P(PriorityOrder, TheEarlierDueComesFirst) {
  const JobId late = enqueue({.delay = 20s});
  const JobId early = enqueue({.delay = 10s});
  const JobId now = enqueue();
  clock().advance(30s);
  const JobId newest = enqueue();
  EXPECT_EQ(ids_of(claim(10)), (std::vector<JobId>{now, early, late, newest}));
}

TEST_P(PriorityOrder, PriorityComesBeforeAge) {
  const JobId old = enqueue({.priority = 11});
  clock().advance(24h);
  const JobId urgent = enqueue({.priority = 10});
  EXPECT_EQ(ids_of(claim(10)), (std::vector<JobId>{urgent, old}));
}

TEST_P(PriorityOrder, TheQueuesPriorityComesBeforeTheJobs) {
  admin().create_queue("slow", {.priority = INT_MAX});
  admin().create_queue("fast", {.priority = INT_MIN});
  const JobId slow = enqueue({.queue = "slow", .priority = INT_MIN});
  const JobId plain = enqueue({.queue = "plain", .priority = -5});
  const JobId fast = enqueue({.queue = "fast", .priority = INT_MAX});
  EXPECT_EQ(ids_of(claim(10)), (std::vector<JobId>{fast, plain, slow}));
}

TEST_P(PriorityOrder, QueuesOfOnePriorityAreOneLine) {
  const JobId second = enqueue({.queue = "a", .priority = 2});
  const JobId first = enqueue({.queue = "b", .priority = 1});
  const JobId third = enqueue({.queue = "a", .priority = 3});
  EXPECT_EQ(ids_of(claim(10)), (std::vector<JobId>{first, second, third}));
}

TEST_P(PriorityOrder, KindsOfOneQueueAreOneLine) {
  const JobId second = enqueue_kind("x", {.priority = 2});
  const JobId first = enqueue_kind("y", {.priority = 1});
  const JobId fourth = enqueue_kind("y", {.priority = 3});
  const JobId third = enqueue_kind("z", {.priority = 2});
  EXPECT_EQ(ids_of(claim(10, {}, {"x", "y", "z"})), (std::vector<JobId>{first, second, third, fourth}));
}

TEST_P(PriorityOrder, HoldsFromClaimToClaim) {
  std::vector<JobId> expected;
  for (int priority = 30; priority > 0; --priority) expected.insert(expected.begin(), enqueue({.priority = priority}));
  std::vector<JobId> got;
  while (got.size() < expected.size()) {
    const std::vector<Job> jobs = claim(7);
    ASSERT_FALSE(jobs.empty());
    for (const Job& job : jobs) got.push_back(job.id);
  }
  EXPECT_EQ(got, expected);
}

TEST_P(PriorityOrder, AChangedQueuePriorityCountsAtOnce) {
  enqueue({.queue = "a"});
  const JobId b = enqueue({.queue = "b"});
  admin().set_priority("b", 0);
  EXPECT_EQ(take().id, b);
}

}  // namespace sqlq::conformance
