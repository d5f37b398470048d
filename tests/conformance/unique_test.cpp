// Promise I6: at most one live job per unique key.

#include <atomic>
#include <set>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Unique, ASecondEnqueueReturnsTheFirstJob) {
  const Enqueued first = client().enqueue(NewJob{.kind = "work", .params = "1", .options = {.unique_key = "k"}});
  const Enqueued second = client().enqueue(NewJob{.kind = "work", .params = "2", .options = {.unique_key = "k"}});
  EXPECT_TRUE(first.inserted);
  EXPECT_FALSE(second.inserted);
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(row(first.id).params, "1");
  EXPECT_EQ(admin().list().size(), 1u);
}

TEST_P(Unique, HoldsOverQueuesAndKinds) {
  const JobId first = enqueue({.queue = "a", .unique_key = "k"});
  const Enqueued second = client().enqueue(NewJob{.kind = "other", .options = {.queue = "b", .unique_key = "k"}});
  EXPECT_FALSE(second.inserted);
  EXPECT_EQ(second.id, first);
}

TEST_P(Unique, HoldsInEveryLiveState) {
  const auto duplicate = [&] {
    return !client().enqueue(NewJob{.kind = "work", .options = {.unique_key = "k"}}).inserted;
  };
  enqueue({.delay = 1s, .unique_key = "k"});
  EXPECT_TRUE(duplicate()) << "scheduled";
  clock().advance(1s);
  Job job = take();
  EXPECT_TRUE(duplicate()) << "running";
  client().release(job);
  EXPECT_TRUE(duplicate()) << "pending";
  job = take();
  client().error(job, "no", {.retry = RetryPolicy::constant(1s)});
  EXPECT_TRUE(duplicate()) << "waiting for its retry";
  clock().advance(1s);
  job = take();
  EXPECT_EQ(client().cancel(job.id), CancelStatus::cancelling);
  EXPECT_TRUE(duplicate()) << "cancelling";
  client().cancelled(job);
  EXPECT_FALSE(duplicate()) << "cancelled";
}

TEST_P(Unique, EveryEndFreesTheKey) {
  const std::vector<std::function<void(const Job&)>> ends = {
      [&](const Job& job) { client().success(job); },
      [&](const Job& job) { client().error(job, "no", {.discard = true}); },
      [&](const Job& job) { client().cancelled(job); },
  };
  std::set<JobId> ids;
  for (const auto& end : ends) {
    ids.insert(enqueue({.unique_key = "k"}));
    end(take());
  }
  const JobId pending = enqueue({.unique_key = "k"});
  EXPECT_EQ(client().cancel(pending), CancelStatus::cancelled);
  ids.insert(pending);
  ids.insert(enqueue({.unique_key = "k"}));
  EXPECT_EQ(ids.size(), 5u);
}

TEST_P(Unique, JobsWithoutAKeyNeverCollide) {
  for (int i = 0; i < 10; ++i) enqueue();
  EXPECT_EQ(admin().list().size(), 10u);
}

TEST_P(Unique, ManyThreadsMakeOneJob) {
  use_system_clock();
  const std::vector<Database> handles = {db(), another(), another()};
  std::atomic<int> inserted{0};
  std::vector<JobId> ids(12);
  in_threads(12, [&](int t) {
    Client mine{handles[static_cast<std::size_t>(t) % handles.size()]};
    const Enqueued e = mine.enqueue(NewJob{.kind = "work", .options = {.unique_key = "k"}});
    if (e.inserted) ++inserted;
    ids[static_cast<std::size_t>(t)] = e.id;
  });
  EXPECT_EQ(inserted, 1);
  for (const JobId id : ids) EXPECT_EQ(id, ids.front());
  EXPECT_EQ(admin().list().size(), 1u);
}

}  // namespace sqlq::conformance
