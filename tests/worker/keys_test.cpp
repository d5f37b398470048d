// Jobs with keys under the harness, in own loops and under a worker with threads: on the storage in memory.

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>
#include <sqlq/testing/memory_storage.hpp>

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

struct Keys : ::testing::Test {
  Keys() {
    q.admin().create_queue("calls", {});
  }
  JobId enqueue(std::string key, EnqueueOptions options = {}) {
    options.queue = "calls";
    if (!key.empty()) options.key = std::move(key);
    return q.client().enqueue(NewJob{.kind = "call", .params = "null", .options = std::move(options)}).id;
  }
  void limit(const KeyLimits& limits) { q.admin().set_key_limits("calls", limits); }
  [[nodiscard]] JobState state(JobId id) { return q.admin().find(id).value().state; }
  Handlers handlers() {
    Handlers table;
    table.on("call", [this](JobContext& job) { return handle ? handle(job) : Outcome::done(); });
    return table;
  }

  std::function<Outcome(JobContext&)> handle{};
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  MemoryStorage storage;
  Harness q{clock, storage.open({.clock = clock}), handlers(), {.sweep = 5s}};
};

TEST_F(Keys, ADrainLetsAllOfThemIn) {
  limit({.concurrency = 1});
  for (int i = 0; i < 5; ++i) enqueue("a");
  for (int i = 0; i < 3; ++i) enqueue("b");
  const JobId plain = enqueue("");
  EXPECT_EQ(state(plain), JobState::pending);
  EXPECT_EQ(q.work_due(), 9U);
  EXPECT_EQ(q.stats().succeeded, 9U);
}

TEST_F(Keys, AKeyWithoutRoomLetsNobodyIn) {
  limit({.concurrency = 0});
  const JobId id = enqueue("a");
  EXPECT_EQ(q.work_for(1h), 0U);
  EXPECT_EQ(state(id), JobState::waiting);
  limit({});
  EXPECT_EQ(q.work_due(), 1U);
}

TEST_F(Keys, ARateIsKeptOverTime) {
  limit({.rate = Rate{.count = 10, .per = 10s, .burst = 1}});
  for (int i = 0; i < 5; ++i) enqueue("a");
  EXPECT_EQ(q.work_due(), 1U);
  ASSERT_TRUE(q.next_due());
  EXPECT_EQ(*q.next_due(), clock->now() + 1s);
  EXPECT_EQ(q.work_for(4s), 4U);
}

TEST_F(Keys, AFailureOfAStrictKeyKeepsTheOthersWaiting) {
  limit({.order = KeyOrder::strict});
  std::vector<JobId> ran;
  handle = [&](JobContext& job) {
    ran.push_back(job.job().id);
    return ran.size() < 3 ? Outcome::snooze(1min) : Outcome::done();
  };
  const JobId first = enqueue("a");
  const JobId second = enqueue("a");
  q.work_for(10min);
  EXPECT_EQ(ran, (std::vector<JobId>{first, first, first, second}));
}

TEST_F(Keys, ADelayedJobIsLetInWhenItIsDue) {
  const JobId id = enqueue("a", {.delay = 1h});
  EXPECT_EQ(state(id), JobState::waiting);
  EXPECT_EQ(q.next_due(), clock->now() + 1h);
  EXPECT_EQ(q.work_for(1h), 1U);
}

TEST_F(Keys, OneThatIsThrottledShutsItsKeyForTheOthers) {
  bool first = true;
  handle = [&](JobContext&) { return std::exchange(first, false) ? Outcome::throttled(1min, "429") : Outcome::done(); };
  limit({.concurrency = 1});
  const JobId id = enqueue("a");
  enqueue("a");
  enqueue("b");
  EXPECT_EQ(q.work_due(), 2U);
  EXPECT_EQ(state(id), JobState::waiting);
  EXPECT_EQ(q.admin().history(id).back().message, "throttled: 429");
  q.advance(59s);
  EXPECT_EQ(q.work_due(), 0U);
  EXPECT_EQ(q.work_for(2s), 2U);
}

TEST_F(Keys, ASweepMakesRoom) {
  limit({.concurrency = 1});
  enqueue("a");
  enqueue("a");
  ASSERT_EQ(q.client().claim(std::vector<std::string>{"calls"}).size(), 1U);
  EXPECT_EQ(q.work_due(), 0U);
  q.advance(31s);
  q.sweep();
  EXPECT_EQ(q.work_due(), 2U);
}

TEST_F(Keys, AnOwnLoopLetsInWhatItClaims) {
  limit({.concurrency = 1});
  const std::vector<std::string> queues{"calls"};
  for (int i = 0; i < 3; ++i) enqueue("a");
  Client client = q.client();
  for (int i = 0; i < 3; ++i) {
    const std::vector<Job> jobs = client.claim(queues, {}, 10);
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_TRUE(client.claim(queues, {}, 10).empty());
    client.success(jobs[0]);
  }
  EXPECT_TRUE(client.claim(queues, {}, 10).empty());
}

TEST_F(Keys, AnOwnLoopIsThrottled) {
  const std::vector<std::string> queues{"calls"};
  enqueue("a");
  Client client = q.client();
  const std::vector<Job> jobs = client.claim(queues);
  ASSERT_EQ(jobs.size(), 1U);
  enqueue("a");
  EXPECT_EQ(client.throttled(jobs[0], 1min, "429"), FinishStatus::applied);
  EXPECT_TRUE(client.claim(queues, {}, 10).empty());
  q.advance(1min);
  EXPECT_EQ(client.claim(queues, {}, 10).size(), 2U);
}

TEST_F(Keys, ACancelledJobMakesRoom) {
  limit({.concurrency = 1});
  const JobId first = enqueue("a");
  const JobId second = enqueue("a");
  ASSERT_EQ(q.client().claim(std::vector<std::string>{"elsewhere"}).size(), 0U);
  EXPECT_EQ(state(first), JobState::pending);
  EXPECT_EQ(state(second), JobState::waiting);
  q.client().cancel(first);
  EXPECT_EQ(state(second), JobState::pending);
}

TEST(KeysOfAWorker, NeverRunMoreAtOnceThanTheyMayAndWaitForNoPoll) {
  const MemoryStorage storage;
  Database db = storage.open();
  db.migrate();
  Admin admin(db);
  admin.create_queue("calls", {});
  admin.set_key_limits("calls", {.concurrency = 1});
  std::mutex mutex;
  std::map<std::string, int> running;
  std::atomic<int> most{0};
  std::atomic<int> ran{0};
  Handlers table;
  table.on("call", [&](JobContext& job) {
    const std::string key(key_of(job.job()));
    {
      const std::lock_guard lock(mutex);
      most = std::max<int>(most, ++running[key]);
    }
    std::this_thread::yield();
    const std::lock_guard lock(mutex);
    --running[key];
    ++ran;
    return Outcome::done();
  });
  Worker worker(db, table, {.concurrency = 4, .poll = 1h});
  worker.start();
  Client client(db);
  for (int i = 0; i < 200; ++i) {
    client.enqueue(NewJob{.kind = "call",
                          .params = "null",
                          .options = {.queue = "calls", .key = "k" + std::to_string(i % 10)}});
  }
  const auto real = system_clock();
  const auto breath = real->make_signal();
  const SteadyPoint end = real->steady() + 60s;
  while (ran < 200 && real->steady() < end) breath->wait_until(real->steady() + 1ms);
  worker.stop(5s);
  EXPECT_EQ(ran, 200);
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace sqlq::testing
