// Which job of a key is let in next: by priority, or strictly one after the other.

#include <algorithm>
#include <random>

#include "keyed.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;

constexpr KeyLimits one_after_the_other{.order = sqlq::KeyOrder::strict};
constexpr KeyLimits hold_after_errors{.order = sqlq::KeyOrder::strict, .after_error = AfterError::hold};

/// In the order in which they are let in, one at a time.
Ids walked(KeyedQueue& q, Client client) {
  Ids order;
  for (int i = 0; i < 100 && q.look() > 0; ++i) {
    const std::vector<Job> jobs = client.claim({}, {}, 10);
    for (const Job& job : jobs) {
      order.push_back(job.id);
      EXPECT_EQ(client.success(job), FinishStatus::applied);
    }
  }
  return order;
}

}  // namespace

TEST_P(KeyLine, ByPriorityThenDueTimeThenAge) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 0});
  KeyedQueue q(db(), clock());
  const JobId late = q.add({.priority = 5, .delay = 2s});
  const JobId early = q.add({.priority = 5, .delay = 1s});
  const JobId low = q.add({.priority = 2147483647});
  const JobId first = q.add({.priority = 5});
  const JobId second = q.add({.priority = 5});
  const JobId high = q.add({.priority = -2147483647 - 1});
  clock().advance(3s);
  EXPECT_EQ(q.look(), 0u);
  admin().set_key_limits("q", {.concurrency = 1});
  EXPECT_EQ(walked(q, client()), (Ids{high, first, second, early, late, low}));
}

TEST_P(KeyLine, OneThatComesLaterWithABetterPriorityIsNext) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids usual = q.add_many(3);
  EXPECT_EQ(q.look(), 1u);
  const JobId high = q.add({.priority = 1});
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(walked(q, client()), (Ids{high, usual[1], usual[2]}));
}

TEST_P(KeyLine, APriorityThatIsChangedCounts) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(editing);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(4);
  EXPECT_EQ(q.look(), 1u);
  const Job job = take();
  const auto edit = [&](JobId id, int priority) {
    return dialect().editing()->edit({&id, 1}, {.priority = priority}, clock().instant()).at(0);
  };
  EXPECT_EQ(edit(ids[3], 1), ActionStatus::done);
  EXPECT_EQ(edit(ids[1], 20), ActionStatus::done);
  EXPECT_EQ(state(ids[3]), waiting);
  EXPECT_EQ(row(ids[3]).priority, 1);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(walked(q, client()), (Ids{ids[3], ids[2], ids[1]}));
}

TEST_P(KeyLine, StrictMeansOneAtATimeAndTheOldestFirst) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 5, .order = sqlq::KeyOrder::strict});
  KeyedQueue q(db(), clock());
  Ids ids;
  for (int i = 0; i < 5; ++i) ids.push_back(q.add({.priority = 10 - i}));
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(q.states(ids), (States{pending, waiting, waiting, waiting, waiting}));
  const Job job = take();
  EXPECT_EQ(q.look(), 0u);
  const JobId high = q.add({.priority = -1});
  EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(walked(q, client()), (Ids{ids[1], ids[2], ids[3], ids[4], high}));
}

TEST_P(KeyLine, StrictKeepsTheOrderOfABatch) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", one_after_the_other);
  std::vector<NewJob> jobs;
  Ids order;
  for (int i = 0; i < 20; ++i) {
    order.push_back(JobId::make(clock().now()));
    jobs.push_back({.kind = "work", .options = {.queue = "q", .priority = i % 3, .key = "k", .id = order.back()}});
  }
  KeyedQueue q(db(), clock());
  static_cast<void>(client().enqueue_many(jobs));
  Ids seen;
  for (int i = 0; i < 100 && q.look_at({{"q", "k"}}) > 0; ++i) {
    const Job job = take();
    seen.push_back(job.id);
    EXPECT_EQ(client().success(job), FinishStatus::applied);
  }
  EXPECT_EQ(seen, order);
}

TEST_P(KeyLine, AStrictJobThatGoesBackIsTheFirstAgain) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", one_after_the_other);
  const std::vector<std::pair<Duration, std::function<void(const Job&)>>> ways{
      {0s, [&](const Job& job) { client().error(job, "no", {.retry = RetryPolicy::constant(0s)}); }},
      {10s, [&](const Job& job) { client().error(job, "no", {.retry = RetryPolicy::constant(10s)}); }},
      {10s, [&](const Job& job) { client().snooze(job, 10s); }},
      {0s, [&](const Job& job) { client().release(job); }},
      {0s, [&](const Job& job) { admin().take_away(job.id); }},
      {0s, [&](const Job& job) {
         clock().advance(31s);
         EXPECT_EQ(client().reap().returned, Ids{job.id});
       }}};
  KeyedQueue q(db(), clock());
  const JobId head = q.add({.priority = 10});
  const JobId next = q.add({.priority = 1});
  EXPECT_EQ(q.look(), 1u);
  for (const auto& [delay, go] : ways) {
    const Job job = take();
    EXPECT_EQ(job.id, head);
    go(job);
    if (delay > 0s) {
      EXPECT_EQ(q.states({head, next}), (States{waiting, waiting}));
      EXPECT_EQ(q.look(), 0u) << "nobody is let in while it waits for its next try";
      clock().advance(delay - 1us);
      EXPECT_EQ(q.look(), 0u);
      clock().advance(1us);
    }
    EXPECT_EQ(q.look(), 1u);
    EXPECT_EQ(q.states({head, next}), (States{pending, waiting}));
  }
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(walked(q, client()), Ids{next});
}

TEST_P(KeyLine, TheTimeOfAStrictHeadIsKnown) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", one_after_the_other);
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().snooze(take(), 10s), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  ASSERT_TRUE(q.last().next);
  EXPECT_LE(*q.last().next, clock().now() + 10s);
  clock().advance(10s);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(q.states(ids), (States{pending, waiting}));
}

TEST_P(KeyLine, AStrictHeadThatIsCancelledWhileItWaitsMakesWay) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", one_after_the_other);
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(3);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().snooze(take(), 1h), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(client().cancel(ids[0]), CancelStatus::cancelled);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{cancelled, pending, waiting}));
}

TEST_P(KeyLine, ADelayedJobOfAStrictKeyHoldsNobodyUpBeforeItIsDue) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", one_after_the_other);
  KeyedQueue q(db(), clock());
  const JobId late = q.add({.delay = 10s});
  const Ids ids = q.add_many(3);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{pending, waiting, waiting}));
  clock().advance(10s);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(walked(q, client()), (Ids{late, ids[1], ids[2]})) << "the oldest of those that are due";
}

TEST_P(KeyLine, AnErrorLetsTheNextOneIn) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", one_after_the_other);
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().error(take(), "no", {.discard = true}), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{errored, pending}));
  EXPECT_FALSE(q.status().held);
}

TEST_P(KeyLine, AnErrorHoldsTheKeyUntilItIsOpened) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", hold_after_errors);
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(3, {.max_attempts = 2});
  const Ids others = q.add_many(2, {.key = "other"});
  EXPECT_EQ(q.look(), 2u);
  std::vector<Job> jobs = claim(2);
  ASSERT_EQ(ids_of(jobs), (Ids{ids[0], others[0]}));
  EXPECT_EQ(client().error(jobs[0], "no", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u) << "a retry is no end";
  EXPECT_FALSE(q.status().held);
  EXPECT_EQ(client().error(take(), "no"), FinishStatus::applied);
  EXPECT_EQ(state(ids[0]), errored);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_TRUE(q.status().held);
  EXPECT_FALSE(q.status("other").held);
  clock().advance(24h * 365);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(admin().requeue(ids[0]), RequeueStatus::requeued);
  EXPECT_EQ(q.look(), 0u);
  admin().open_key("q", "k");
  EXPECT_FALSE(q.status().held);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(q.status().inside, 1u);
  EXPECT_EQ(client().cancelled(take({"q"})), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u) << "a cancel does not hold it";
  EXPECT_EQ(client().success(take({"q"})), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_FALSE(q.status().held);
}

TEST_P(KeyLine, ACrashForGoodHoldsTheKeyToo) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", "k", hold_after_errors);
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2, {.max_crashes = 1});
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(take().id, ids[0]);
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored, Ids{ids[0]});
  EXPECT_EQ(q.look(), 0u);
  EXPECT_TRUE(q.status().held);
  EXPECT_EQ(state(ids[1]), waiting);
}

TEST_P(KeyLine, AnOrderThatIsChangedLetsNobodyInBesideAnother) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 3});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(8));
  EXPECT_EQ(q.look(), 3u);
  admin().set_key_limits("q", one_after_the_other);
  const std::vector<Job> jobs = claim(10);
  ASSERT_EQ(jobs.size(), 3u);
  for (const Job& job : jobs) {
    EXPECT_EQ(q.look(), 0u);
    EXPECT_EQ(client().success(job), FinishStatus::applied);
  }
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.status().inside, 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(walked(q, client()).size(), 4u);
}

TEST_P(KeyLine, StrictOrderOutlastsWhateverHappens) {
  SQLQ_NEEDS(limits);
  const std::uint64_t seed = random_seed();
  SCOPED_TRACE("SQLQ_CONFORMANCE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto number = [&](int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); };
  admin().set_key_limits("q", one_after_the_other);
  KeyedQueue q(db(), clock());
  std::vector<JobId> line = q.add_many(15, {.max_attempts = 1000, .max_crashes = 1000});
  for (int step = 0; step < 400 && !line.empty(); ++step) {
    clock().advance(std::chrono::milliseconds(number(0, 1500)));
    q.look();
    const std::vector<Job> jobs = claim(3);
    ASSERT_LE(jobs.size(), 1u);
    if (jobs.empty()) continue;
    const Job& job = jobs.front();
    ASSERT_EQ(job.id, line.front());
    switch (number(0, 6)) {
      case 0: client().snooze(job, std::chrono::milliseconds(number(0, 3000))); break;
      case 1: client().release(job); break;
      case 2: client().error(job, "no", {.retry = RetryPolicy::constant(1s)}); break;
      case 3: admin().take_away(job.id); break;
      case 4:
        clock().advance(31s);
        q.look();
        client().reap();
        break;
      case 5: client().cancelled(job); line.erase(line.begin()); break;
      default: client().success(job); line.erase(line.begin()); break;
    }
  }
  EXPECT_TRUE(line.empty());
}

}  // namespace sqlq::conformance
