// Workers let jobs in: whoever ends one, and whoever finds one waiting.

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include <sqlq/schedule.hpp>
#include <sqlq/testing/harness.hpp>

#include "keyed.hpp"
#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;

/// What handlers know of a key: how many of its jobs are in them.
class Crowd {
 public:
  void enter(const std::string& key) {
    const std::lock_guard lock(mutex_);
    most_[key] = std::max(most_[key], ++now_[key]);
  }
  void leave(const std::string& key) {
    const std::lock_guard lock(mutex_);
    --now_[key];
    ++left_;
  }
  [[nodiscard]] int most(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = most_.find(key);
    return found == most_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::size_t left() const {
    const std::lock_guard lock(mutex_);
    return left_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> now_{};
  std::map<std::string, int> most_{};
  std::size_t left_ = 0;
};

Handlers crowded(Crowd& crowd) {
  Handlers handlers;
  handlers.on("work", [&crowd](JobContext& job) {
    const std::string key(key_of(job.job()));
    crowd.enter(key);
    std::this_thread::yield();
    crowd.leave(key);
  });
  return handlers;
}

}  // namespace

TEST_P(KeyRuns, AWorkerRunsThemAllAndNeverTooManyAtOnce) {
  SQLQ_NEEDS(limits);
  use_system_clock();
  admin().set_key_limits("q", {.concurrency = 1});
  admin().set_key_limits("q", "two", KeyLimits{.concurrency = 2});
  Crowd crowd;
  std::vector<NewJob> jobs;
  for (int i = 0; i < 20; ++i) {
    for (const char* key : {"one", "two", "another"}) {
      jobs.push_back({.kind = "work", .options = {.queue = "q", .key = key}});
    }
    jobs.push_back({.kind = "work", .options = {.queue = "q"}});
  }
  client().enqueue_many(jobs);
  QuietWorker first(db(), crowded(crowd), {.concurrency = 8});
  QuietWorker second(another(), crowded(crowd), {.concurrency = 8});
  EXPECT_TRUE(eventually([&] { return crowd.left() == jobs.size(); })) << crowd.left();
  EXPECT_EQ(crowd.most("one"), 1);
  EXPECT_LE(crowd.most("two"), 2);
  EXPECT_EQ(crowd.most("another"), 1);
  for (const std::string& event : first.events()) ADD_FAILURE() << event;
}

TEST_P(KeyRuns, AJobThatComesWhileAWorkerRunsIsLetInAtOnce) {
  SQLQ_NEEDS(limits);
  use_system_clock();
  Crowd crowd;
  QuietWorker worker(db(), crowded(crowd), {});
  static_cast<void>(enqueue());
  ASSERT_TRUE(eventually([&] { return crowd.left() == 1; })) << "it runs";
  for (std::size_t n = 2; n < 6; ++n) {
    static_cast<void>(enqueue({.key = "k"}));
    ASSERT_TRUE(eventually([&] { return crowd.left() == n; }));
  }
}

TEST_P(KeyRuns, AHarnessRunsThem) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("default", {.concurrency = 1});
  std::vector<std::string> ran;
  Handlers handlers;
  handlers.on("work", [&](JobContext& job) { ran.emplace_back(key_of(job.job())); });
  testing::Harness harness(std::static_pointer_cast<testing::ManualClock>(shared_clock()), db(), std::move(handlers));
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(enqueue({.key = "a"}));
    static_cast<void>(enqueue({.key = "b"}));
  }
  static_cast<void>(enqueue({.delay = 1h, .key = "a"}));
  EXPECT_EQ(harness.work_due(), 6u);
  EXPECT_EQ(harness.work_due(), 0u);
  EXPECT_EQ(harness.work_for(2h), 1u);
  EXPECT_EQ(std::ranges::count(ran, "a"), 4);
  EXPECT_EQ(std::ranges::count(ran, "b"), 3);
  EXPECT_EQ(admin().counts().at(waiting).value, 0u);
}

TEST_P(KeyRuns, RetriesOfAHarnessComeBackToTheirKey) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("default", {.order = sqlq::KeyOrder::strict});
  std::vector<JobId> ran;
  Handlers handlers;
  handlers.on("work",
              [&](JobContext& job) -> Outcome {
                ran.push_back(job.job().id);
                return job.job().attempt == 1 ? Outcome::error("no") : Outcome::done();
              },
              {.retry = RetryPolicy::constant(10s)});
  testing::Harness harness(std::static_pointer_cast<testing::ManualClock>(shared_clock()), db(), std::move(handlers));
  const JobId first = enqueue({.key = "k"});
  const JobId second = enqueue({.key = "k"});
  EXPECT_EQ(harness.work_for(1min), 4u);
  EXPECT_EQ(ran, (Ids{first, first, second, second}));
}

TEST_P(KeyRuns, AThrottledJobShutsItsKey) {
  SQLQ_NEEDS(limits);
  std::map<std::string, int> ran;
  bool full = true;
  Handlers handlers;
  handlers.on("work", [&](JobContext& job) -> Outcome {
    const std::string key(key_of(job.job()));
    ++ran[key];
    if (key == "k" && full) return Outcome::throttled(30s, "429");
    return Outcome::done();
  });
  testing::Harness harness(std::static_pointer_cast<testing::ManualClock>(shared_clock()), db(), std::move(handlers));
  admin().set_key_limits("default", {.concurrency = 1});
  const TimePoint begin = clock().now();
  const JobId first = enqueue({.key = "k"});
  const JobId second = enqueue({.key = "k"});
  const JobId other = enqueue({.key = "other"});
  static_cast<void>(enqueue());
  EXPECT_EQ(harness.work_due(), 3u);
  EXPECT_EQ(ran["k"], 1) << "no other of its key is let in";
  const Job job = row(first);
  EXPECT_EQ(job.state, waiting);
  EXPECT_EQ(job.attempt, 0) << "the attempt is given back";
  EXPECT_EQ(job.run_at, begin + 30s);
  EXPECT_EQ(causes(first), std::vector<Cause>{Cause::snoozed});
  EXPECT_EQ(state(second), waiting);
  EXPECT_EQ(state(other), success);
  EXPECT_EQ(admin().key("default", "k").opens_at, begin + 30s);
  EXPECT_EQ(harness.work_for(30s - 1us), 0u);
  full = false;
  EXPECT_EQ(harness.work_for(1s), 2u);
  EXPECT_EQ(state(first), success);
  EXPECT_EQ(state(second), success);
}

TEST_P(KeyRuns, AThrottledJobWithoutAKeyIsOnlySnoozed) {
  int ran = 0;
  Handlers handlers;
  handlers.on("work", [&](JobContext& job) -> Outcome {
    ++ran;
    return job.job().claims == 1 ? Outcome::throttled(30s) : Outcome::done();
  });
  testing::Harness harness(std::static_pointer_cast<testing::ManualClock>(shared_clock()), db(), std::move(handlers));
  const JobId first = enqueue();
  static_cast<void>(enqueue());
  EXPECT_EQ(harness.work_due(), 2u);
  EXPECT_EQ(state(first), scheduled);
  EXPECT_EQ(row(first).attempt, 0);
  EXPECT_EQ(harness.work_for(30s), 2u);
  EXPECT_EQ(ran, 4);
  EXPECT_EQ(state(first), success);
}

TEST_P(KeyRuns, AScheduleEnqueuesJobsOfItsKey) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(periodic);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const JobId first = q.add();
  Schedules schedules{db()};
  const NewJob job{.kind = "work", .options = {.queue = "q", .key = "k"}};
  static_cast<void>(schedules.sync({{.name = "hourly", .rule = "@hourly", .job = job}}));
  EXPECT_EQ(schedules.find("hourly")->schedule.job.options.key, "k");
  const std::optional<Enqueued> fired = schedules.run_now("hourly");
  ASSERT_TRUE(fired);
  EXPECT_EQ(key_of(row(fired->id)), "k");
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states({first, fired->id}), (States{pending, waiting}));
  int ran = 0;
  Handlers handlers;
  handlers.on("work", [&](JobContext&) { ++ran; });
  testing::Harness harness(std::static_pointer_cast<testing::ManualClock>(shared_clock()), db(), std::move(handlers));
  EXPECT_EQ(harness.work_for(2h), 4u) << "with those of two ticks";
  EXPECT_EQ(ran, 4);
}

TEST_P(KeyRuns, AParentThatWaitsForChildrenOfItsKeyDoesNotStandInTheirWay) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(steps);
  admin().set_key_limits("default", {.concurrency = 1});
  const std::vector<NewJob> two(2, NewJob{.kind = "work", .options = {.key = "k"}});
  int ran = 0;
  Handlers handlers;
  handlers.on("work", [&](JobContext&) { ++ran; });
  handlers.on("parent", [&](JobContext& job) { job.set_result(std::to_string(job.all("parts", two).size())); });
  testing::Harness harness(std::static_pointer_cast<testing::ManualClock>(shared_clock()), db(), std::move(handlers));
  const JobId parent = enqueue_kind("parent", {.key = "k"});
  EXPECT_EQ(harness.work_for(1h), 4u);
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(state(parent), success);
  EXPECT_EQ(row(parent).result, "2");
  for (const Job& job : admin().list()) EXPECT_EQ(key_of(job), "k");
}

TEST_P(KeyRuns, ARowOfTheInboxMayNameItsKey) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  admin().set_key_limits("default", {.concurrency = 0});
  const auto connection = user();
  connection->execute(R"(INSERT INTO sqlq_inbox (kind, headers) VALUES ('work', '{"sqlq-key":"k"}'))");
  connection->execute(R"(INSERT INTO sqlq_inbox (kind, headers) VALUES ('work', '{"sqlq-key":""}'))");
  Crowd crowd;
  const QuietWorker worker(db(), crowded(crowd), {});
  ASSERT_TRUE(eventually([&] { return admin().list().size() == 2; }));
  for (const Job& job : admin().list()) {
    EXPECT_EQ(job.state, key_of(job).empty() ? errored : waiting);
  }
  EXPECT_EQ(admin().key("default", "k").waiting, 1u);
  EXPECT_EQ(crowd.left(), 0u);
}

TEST_P(KeyRuns, AHarnessKeepsToARate) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("default", {.rate = Rate{.count = 1, .per = 10s}});
  std::vector<TimePoint> starts;
  Handlers handlers;
  handlers.on("work", [&](JobContext&) { starts.push_back(clock().now()); });
  testing::Harness harness(std::static_pointer_cast<testing::ManualClock>(shared_clock()), db(), std::move(handlers));
  for (int i = 0; i < 4; ++i) static_cast<void>(enqueue({.key = "k"}));
  EXPECT_EQ(harness.work_due(), 1u);
  EXPECT_EQ(harness.work_for(1min), 3u);
  ASSERT_EQ(starts.size(), 4u);
  for (std::size_t i = 1; i < starts.size(); ++i) EXPECT_GE(starts[i] - starts[i - 1], 10s);
}

}  // namespace sqlq::conformance
