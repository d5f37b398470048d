// Lists: filtered, newest first, in pages that do not shift.

#include <algorithm>
#include <array>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

constexpr std::array every_state{JobState::pending,    JobState::running,   JobState::success,  JobState::errored,
                                JobState::cancelling, JobState::cancelled, JobState::scheduled};

}  // namespace

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
  EXPECT_EQ(ids_of(admin().list({.queues = {"a"}})), (std::vector<JobId>{b, a}));
  EXPECT_EQ(ids_of(admin().list({.kinds = {"x"}})), (std::vector<JobId>{d, c, a}));
  EXPECT_EQ(ids_of(admin().list({.states = {JobState::running}})), std::vector<JobId>{c});
  EXPECT_EQ(ids_of(admin().list({.states = {JobState::running, JobState::scheduled}})), (std::vector<JobId>{d, c}));
  EXPECT_EQ(ids_of(admin().list({.queues = {"b"}, .kinds = {"x"}, .states = {JobState::scheduled}})),
            std::vector<JobId>{d});
  EXPECT_TRUE(admin().list({.queues = {"a"}, .states = {JobState::errored}}).empty());
  EXPECT_TRUE(admin().list({.queues = {"missing"}}).empty());
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
    const std::vector<Job> jobs = admin().list({.queues = {"wanted"}}, page);
    if (jobs.empty()) break;
    for (const Job& job : jobs) seen.push_back(job.id);
    page.before = jobs.back().id;
  }
  EXPECT_EQ(seen, expected);
}

TEST_P(ListPages, StepsGoOnUntilNothingFollows) {
  for (int i = 0; i < 25; ++i) enqueue({.queue = i % 3 == 0 ? "wanted" : "other"});
  const std::vector<JobId> expected = ids_of(admin().list({.queues = {"wanted"}}));
  ASSERT_EQ(expected.size(), 9u);
  std::vector<JobId> seen;
  for (Page page{.limit = 3};;) {
    const JobPage step = admin().list_step({.queues = {"wanted"}}, page);
    EXPECT_LE(step.jobs.size(), 3u);
    for (const Job& job : step.jobs) seen.push_back(job.id);
    if (!step.next) break;
    EXPECT_TRUE(step.jobs.empty() || *step.next <= step.jobs.back().id);
    page.before = step.next;
  }
  EXPECT_EQ(seen, expected);
  EXPECT_FALSE(admin().list_step({.queues = {"wanted"}}, {.limit = 10}).next) << "a page that is not full is the last";
  EXPECT_FALSE(admin().list_step({.queues = {"missing"}}).next);
}

// A few jobs in every state, of two queues and kinds, which end in one batch; and behind them so many others that a
// search along the ids would be long.
TEST_P(ListPages, FewJobsBehindManyAreFoundByQueueKindAndState) {
  std::vector<JobId> mine;
  std::vector<NewJob> jobs;
  for (int i = 0; i < 32; ++i) {
    jobs.push_back({.kind = i % 4 < 2 ? "x" : "y", .options = {.queue = i % 2 == 0 ? "a" : "b"}});
  }
  for (const Enqueued& e : client().enqueue_many(jobs)) mine.push_back(e.id);
  static_cast<void>(claim(4));
  clock().advance(31s);
  static_cast<void>(client().reap());
  static_cast<void>(claim(4, {"a"}));
  clock().advance(31s);
  static_cast<void>(client().reap());  // some of them are suspects now
  std::vector<backend::Finish> ends;
  for (const Job& job : claim(20)) ends.push_back({.id = job.id, .token = job.lease_token});
  for (std::size_t i = 0; i < ends.size(); ++i) {
    ends[i].kind = i % 3 == 0 ? backend::FinishKind::fail : backend::FinishKind::success;
  }
  ends.resize(ends.size() - 6);  // these stay running
  dialect().finish(ends, nullptr, clock().instant());
  const std::vector<Job> running = admin().list({.states = {JobState::running}});
  ASSERT_GE(running.size(), 4u);
  for (std::size_t i = 0; i < running.size(); i += 2) client().cancel(running[i].id);
  for (const Job& job : admin().list({.queues = {"b"}, .states = {JobState::pending}}, {.limit = 2})) {
    client().cancel(job.id);
  }
  for (const char* queue : {"a", "b"}) mine.push_back(enqueue_kind("x", {.queue = queue, .delay = 1h}));
  EXPECT_EQ(admin().requeue(ends[1].id), RequeueStatus::requeued);
  std::ranges::sort(mine, std::ranges::greater{});
  const std::vector<NewJob> others(2500, NewJob{.kind = "other", .options = {.queue = "others"}});
  client().enqueue_many(others);

  std::vector<Job> rows;
  for (const JobId id : mine) rows.push_back(row(id));
  for (const JobState state : every_state) {
    EXPECT_TRUE(std::ranges::any_of(rows, [&](const Job& job) { return job.state == state; })) << to_string(state);
  }
  for (const std::string queue : {"", "a", "b", "none"}) {
    for (const std::string kind : {"", "x", "y", "none"}) {
      for (std::size_t i = 0; i <= every_state.size(); ++i) {
        JobFilter filter;
        if (!queue.empty()) filter.queues = {queue};
        if (!kind.empty()) filter.kinds = {kind};
        if (i < every_state.size()) filter.states = {every_state[i]};
        const bool others_too = queue.empty() && kind.empty() && (i == 0 || i == every_state.size());
        if (others_too) continue;
        std::vector<JobId> expected;
        for (const Job& job : rows) {
          if ((queue.empty() || job.queue == queue) && (kind.empty() || job.kind == kind) &&
              (filter.states.empty() || job.state == filter.states[0])) {
            expected.push_back(job.id);
          }
        }
        const JobPage found = admin().list_step(filter);
        EXPECT_EQ(ids_of(found.jobs), expected) << queue << ' ' << kind << ' ' << i;
        EXPECT_FALSE(found.next);
        if (expected.size() < 2) continue;
        const Page rest{.before = expected[0], .limit = expected.size() - 1};
        expected.erase(expected.begin());
        EXPECT_EQ(ids_of(admin().list(filter, rest)), expected) << queue << ' ' << kind << ' ' << i;
      }
    }
  }
}

TEST_P(ListPages, LimitsOutOfRangeAreRefused) {
  EXPECT_EQ(code_of([&] { return admin().list({}, {.limit = 0}); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().list({}, {.limit = 1001}); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return admin().list_step({}, {.limit = 0}); }), "invalid_argument");
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
