// Promise I6: at most one live job per unique key.

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Unique, ASecondEnqueueReturnsTheFirstJob) {
  const Enqueued first = client().enqueue(NewJob{.kind = "work", .params = "1", .options = {.unique_key = "k"}});
  const Enqueued second = client().enqueue(NewJob{.kind = "work", .params = "2", .options = {.unique_key = "k"}});
  EXPECT_TRUE(first.inserted());
  EXPECT_EQ(second.status, EnqueueStatus::existing_key);
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(row(first.id).params, "1");
  EXPECT_EQ(admin().list().size(), 1u);
}

TEST_P(Unique, AJobThatIsThereIsToldByItsIdNotByItsKey) {
  const NewJob job{.kind = "work", .options = {.unique_key = "k", .id = JobId::make(clock().now())}};
  EXPECT_TRUE(client().enqueue(job).inserted());
  EXPECT_EQ(client().enqueue(job).status, EnqueueStatus::existing_id);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(client().enqueue(job).status, EnqueueStatus::existing_id) << "its key is free";
}

TEST_P(Unique, HoldsOverQueuesAndKinds) {
  const JobId first = enqueue({.queue = "a", .unique_key = "k"});
  const Enqueued second = client().enqueue(NewJob{.kind = "other", .options = {.queue = "b", .unique_key = "k"}});
  EXPECT_EQ(second.status, EnqueueStatus::existing_key);
  EXPECT_EQ(second.id, first);
}

TEST_P(Unique, HoldsInEveryLiveState) {
  const auto duplicate = [&] {
    return !client().enqueue(NewJob{.kind = "work", .options = {.unique_key = "k"}}).inserted();
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
    if (e.inserted()) ++inserted;
    ids[static_cast<std::size_t>(t)] = e.id;
  });
  EXPECT_EQ(inserted, 1);
  for (const JobId id : ids) EXPECT_EQ(id, ids.front());
  EXPECT_EQ(admin().list().size(), 1u);
}

namespace {

/// What many callers were answered.
class Answers {
 public:
  void add(const std::vector<Enqueued>& answers) {
    const std::lock_guard lock(mutex_);
    for (const Enqueued& e : answers) {
      if (e.inserted()) {
        ++stored_[e.id];
      } else {
        named_.insert(e.id);
      }
    }
  }
  /// Each job was stored by one of them, and who was named as in the way was stored by one as well.
  void expect_true() const {
    for (const auto& [id, times] : stored_) EXPECT_EQ(times, 1);
    for (const JobId id : named_) EXPECT_TRUE(stored_.contains(id)) << "his own was said to be in the way";
  }
  [[nodiscard]] std::uint64_t jobs() const { return stored_.size(); }

 private:
  std::mutex mutex_;
  std::map<JobId, int> stored_;
  std::set<JobId> named_;
};

}  // namespace

TEST_P(Unique, OverlappingBatchesInOppositeOrdersAreAnsweredTruly) {
  use_system_clock();
  constexpr int threads = 6;
  constexpr int keys = 12;
  const std::vector<Database> handles = {db(), another()};
  Answers answers;
  in_threads(threads, [&](int t) {
    Client mine{handles[static_cast<std::size_t>(t) % handles.size()]};
    const auto keyed = [](int key) {
      return NewJob{.kind = "work", .options = {.unique_key = "k" + std::to_string(key)}};
    };
    for (int round = 0; round < 20; ++round) {
      if (t < 4) {
        std::vector<NewJob> jobs;
        for (int k = 0; k < keys; ++k) {
          jobs.push_back(keyed(t % 2 == 0 ? k : keys - 1 - k));
          jobs.push_back({.kind = "work"});
        }
        answers.add(mine.enqueue_many(jobs));
      } else {
        for (int k = 0; k < keys; ++k) answers.add({mine.enqueue(keyed(t % 2 == 0 ? k : keys - 1 - k))});
      }
      for (const Job& job : mine.claim({}, {}, 5)) mine.success(job);  // so that keys come free
    }
  });
  answers.expect_true();
  std::uint64_t there = 0;
  for (const auto& [state, count] : admin().counts()) there += count.value;
  EXPECT_EQ(there, answers.jobs()) << "a call that failed has left jobs behind";
}

TEST_P(Unique, BatchesOfTheSameIdsInOppositeOrdersStoreEachOnce) {
  use_system_clock();
  constexpr int threads = 4;
  std::vector<JobId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(JobId::make(clock().now()));
  Answers answers;
  const Database shared = db();  // opened at its first use, which is no matter for several threads
  in_threads(threads, [&](int t) {
    Client mine{shared};
    for (std::size_t begin = 0; begin < ids.size(); begin += 20) {
      std::vector<NewJob> jobs;
      for (std::size_t i = begin; i < begin + 20; ++i) jobs.push_back({.kind = "work", .options = {.id = ids[i]}});
      if (t % 2 == 0) std::ranges::reverse(jobs);
      answers.add(mine.enqueue_many(jobs));
    }
  });
  answers.expect_true();
  EXPECT_EQ(answers.jobs(), ids.size());
}

TEST_P(Unique, AKeyedBatchIsClaimedInTheOrderGiven) {
  std::vector<NewJob> jobs;
  for (const char* key : {"m", "z", "a", "m", "k"}) jobs.push_back({.kind = "work", .options = {.unique_key = key}});
  const std::vector<Enqueued> made = client().enqueue_many(jobs);
  EXPECT_EQ(made[3].status, EnqueueStatus::existing_key);
  EXPECT_EQ(made[3].id, made[0].id) << "of two in one batch the first wins";
  const std::vector<Job> claimed = claim(10);
  ASSERT_EQ(claimed.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(claimed[i].id, made[i < 3 ? i : 4].id);
}

}  // namespace sqlq::conformance
