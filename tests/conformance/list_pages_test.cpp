// Lists: filtered, newest first, in pages that do not shift.

#include <algorithm>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

TEST_P(ListPages, NewestFirst) {
  std::vector<JobId> expected;
  for (int i = 0; i < 10; ++i) expected.insert(expected.begin(), enqueue({.priority = i % 3}));
  EXPECT_EQ(ids_of(admin().list()), expected);
}

TEST_P(ListPages, EveryJobIsOnExactlyOnePageThoughMoreArrive) {
  std::vector<JobId> expected;
  for (int i = 0; i < 25; ++i) expected.insert(expected.begin(), enqueue());
  std::vector<JobId> seen;
  Page page{.limit = 10};
  for (;;) {
    const std::vector<Job> jobs = admin().list({}, page);
    if (jobs.empty()) break;
    EXPECT_LE(jobs.size(), 10u);
    for (const Job& job : jobs) seen.push_back(job.id);
    page.before = jobs.back().id;
    enqueue();
  }
  EXPECT_EQ(seen, expected);
}

TEST_P(ListPages, FiltersByQueueKindAndState) {
  const JobId a = enqueue_kind("x", {.queue = "a"});
  const JobId b = enqueue_kind("y", {.queue = "a"});
  const JobId c = enqueue_kind("x", {.queue = "b"});
  const JobId d = enqueue_kind("x", {.queue = "b", .delay = std::chrono::hours(1)});
  ASSERT_EQ(take({"b"}).id, c);
  EXPECT_EQ(ids_of(admin().list({.queue = "a"})), (std::vector<JobId>{b, a}));
  EXPECT_EQ(ids_of(admin().list({.kind = "x"})), (std::vector<JobId>{d, c, a}));
  EXPECT_EQ(ids_of(admin().list({.states = {JobState::running}})), std::vector<JobId>{c});
  EXPECT_EQ(ids_of(admin().list({.states = {JobState::running, JobState::scheduled}})), (std::vector<JobId>{d, c}));
  EXPECT_EQ(ids_of(admin().list({.queue = "b", .kind = "x", .states = {JobState::scheduled}})), std::vector<JobId>{d});
  EXPECT_TRUE(admin().list({.queue = "a", .states = {JobState::errored}}).empty());
  EXPECT_TRUE(admin().list({.queue = "missing"}).empty());
}

TEST_P(ListPages, FilteredPagesAreComplete) {
  std::vector<JobId> expected;
  for (int i = 0; i < 30; ++i) {
    const JobId id = enqueue({.queue = i % 3 == 0 ? "wanted" : "other"});
    if (i % 3 == 0) expected.insert(expected.begin(), id);
  }
  std::vector<JobId> seen;
  Page page{.limit = 4};
  for (;;) {
    const std::vector<Job> jobs = admin().list({.queue = "wanted"}, page);
    if (jobs.empty()) break;
    for (const Job& job : jobs) seen.push_back(job.id);
    page.before = jobs.back().id;
  }
  EXPECT_EQ(seen, expected);
}

TEST_P(ListPages, LimitsOutOfRangeAreRefused) {
  EXPECT_EQ(code_of([&] { return admin().list({}, {.limit = 0}); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().list({}, {.limit = 1001}); }), "invalid_argument");
  EXPECT_TRUE(admin().list({}, {.limit = 1000}).empty());
}

TEST_P(ListPages, SeveralJobsAtOnceInTheOrderAsked) {
  const JobId a = enqueue();
  const JobId b = enqueue();
  const JobId unknown = JobId::make(clock().now());
  const std::vector<std::optional<Job>> jobs = dialect().get(std::vector<JobId>{b, unknown, a, b}, nullptr);
  ASSERT_EQ(jobs.size(), 4u);
  EXPECT_EQ(jobs[0]->id, b);
  EXPECT_FALSE(jobs[1]);
  EXPECT_EQ(jobs[2]->id, a);
  EXPECT_EQ(jobs[3]->id, b);
}

}  // namespace sqlq::conformance
