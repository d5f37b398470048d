// Editing: an operator moves jobs that wait to another queue, or gives them another priority.

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <mutex>

#include <sqlq/conformance/suite.hpp>

#include "facts.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

using Actions = std::vector<ActionStatus>;
using Ids = std::vector<JobId>;
constexpr ActionStatus edited = ActionStatus::done;
constexpr ActionStatus unchanged = ActionStatus::unchanged;
constexpr ActionStatus not_found = ActionStatus::not_found;

/// On the clock of the backend unless a test owns the time.
Actions edit(backend::Dialect& dialect, const Ids& ids, const backend::JobChange& change, backend::Now now = {}) {
  return dialect.editing()->edit(ids, change, now);
}

}  // namespace

TEST_P(Edit, IsThereWhenItIsDeclared) { EXPECT_EQ(dialect().editing() != nullptr, capabilities().editing); }

TEST_P(Edit, OnlyJobsThatNobodyHoldsAndThatHaveNotEnded) {
  SQLQ_NEEDS(editing);
  const JobId succeeded = enqueue();
  client().success(take());
  const JobId errored = enqueue();
  client().error(take(), "no", {.discard = true});
  const JobId cancelled = enqueue();
  client().cancel(cancelled);
  const JobId running = enqueue();
  const JobId cancelling = enqueue();
  const std::vector<Job> taken = claim(2);
  client().cancel(cancelling);
  const JobId pending = enqueue();
  const JobId scheduled = enqueue({.delay = 1h});
  const JobId unknown = JobId::make(clock().now());
  const Ids left{succeeded, errored, cancelled, running, cancelling};
  std::map<JobId, std::string> before;
  for (const JobId id : left) before[id] = facts_of(row(id));

  const Ids ids{succeeded, pending, errored, unknown, cancelled, scheduled, running, cancelling, pending};
  const backend::JobChange change{.queue = "new", .priority = 3};
  EXPECT_EQ(edit(dialect(), ids, change, clock().instant()),
            (Actions{unchanged, edited, unchanged, not_found, unchanged, edited, unchanged, unchanged, unchanged}));
  for (const JobId id : left) {
    EXPECT_EQ(row(id).queue, "default");
    EXPECT_EQ(row(id).priority, 10);
    EXPECT_EQ(facts_of(row(id)), before[id]);
  }
  EXPECT_EQ(row(pending).queue, "new");
  EXPECT_EQ(row(pending).priority, 3);
  EXPECT_EQ(row(scheduled).queue, "new");
  EXPECT_EQ(row(scheduled).state, JobState::scheduled);
  EXPECT_EQ(edit(dialect(), ids, change, clock().instant()),
            (Actions{unchanged, unchanged, unchanged, not_found, unchanged, unchanged, unchanged, unchanged,
                      unchanged}))
      << "a replay";
  EXPECT_EQ(client().success(taken[0]), FinishStatus::applied);
  EXPECT_EQ(client().success(taken[1]), FinishStatus::cancelled);
}

TEST_P(Edit, AWaitingJobIsEditedAndWaitsOn) {
  SQLQ_NEEDS(editing);
  SQLQ_NEEDS(borrowed_transactions);
  if (backend().waiting_jobs_sql.empty()) return;
  const JobId id = enqueue();
  const auto connection = user();
  for (const std::string& sql : backend().waiting_jobs_sql) connection->execute(sql);
  EXPECT_EQ(edit(dialect(), {id}, {.queue = "new", .priority = 1}, clock().instant()), Actions{edited});
  EXPECT_EQ(row(id).queue, "new");
  EXPECT_EQ(row(id).priority, 1);
  EXPECT_EQ(row(id).state, JobState::waiting);
  EXPECT_TRUE(claim(10).empty());
}

TEST_P(Edit, EachFieldByItselfAndNoneAtAll) {
  SQLQ_NEEDS(editing);
  const JobId id = enqueue({.queue = "q", .priority = 7});
  const auto change = [&](const backend::JobChange& to) { return edit(dialect(), {id}, to, clock().instant()).at(0); };
  const auto is = [&](const char* queue, int priority) {
    return row(id).queue == queue && row(id).priority == priority;
  };
  EXPECT_EQ(change({}), unchanged);
  EXPECT_EQ(change({.queue = "q"}), unchanged);
  EXPECT_EQ(change({.priority = 7}), unchanged);
  EXPECT_EQ(change({.queue = "q", .priority = 7}), unchanged);
  EXPECT_TRUE(is("q", 7));
  EXPECT_EQ(change({.queue = "Q"}), edited) << "names are bytes";
  EXPECT_TRUE(is("Q", 7));
  EXPECT_EQ(change({.queue = "Q "}), edited);
  EXPECT_TRUE(is("Q ", 7));
  EXPECT_EQ(change({.priority = std::numeric_limits<int>::min()}), edited);
  EXPECT_TRUE(is("Q ", std::numeric_limits<int>::min()));
  EXPECT_EQ(change({.queue = "Q ", .priority = std::numeric_limits<int>::max()}), edited) << "one of two is other";
  EXPECT_TRUE(is("Q ", std::numeric_limits<int>::max()));
  EXPECT_EQ(take({"Q "}).id, id);
  EXPECT_TRUE(edit(dialect(), {}, {.priority = 1}, clock().instant()).empty());
}

// All that a job has gone through, its lease's end and its age stay.
TEST_P(Edit, NothingElseOfTheJobChanges) {
  SQLQ_NEEDS(editing);
  const EnqueueOptions options{.unique_key = "u", .keepalive = 40s, .retention = 2h, .timeout = 9s};
  const JobId id = client().enqueue(NewJob{.kind = "k", .params = "[1]", .options = options}).id;
  static_cast<void>(take());
  clock().advance(41s);
  static_cast<void>(client().reap());
  const Job second = take();
  client().set_result(second, "2");
  client().error(second, "no", {.retry = RetryPolicy::constant(1h)});
  clock().advance(1s);
  const Job before = row(id);
  const auto history = admin().history(id).size();
  const auto lines = admin().logs(id).size();
  ASSERT_EQ(history, 2u);
  ASSERT_EQ(lines, 1u);

  EXPECT_EQ(edit(dialect(), {id}, {.queue = "new", .priority = 1}, clock().instant()), Actions{edited});
  EXPECT_EQ(facts_of(row(id)), facts_of(before));
  EXPECT_EQ(row(id).params, "[1]");
  EXPECT_EQ(row(id).result, "2");
  EXPECT_EQ(admin().history(id).size(), history);
  EXPECT_EQ(admin().logs(id).size(), lines);
  EXPECT_EQ(client().error(second, "no", {.retry = RetryPolicy::constant(1h)}), FinishStatus::already_applied);
  EXPECT_EQ(client().enqueue(NewJob{.kind = "k", .options = {.queue = "new", .unique_key = "u"}}).id, id)
      << "its key is held";
  EXPECT_EQ(admin().list().size(), 1u);
  EXPECT_TRUE(claim(1, {"new"}).empty()) << "it is due when it was";
  clock().advance(1h);
  EXPECT_EQ(take({"new"}).id, id);
  EXPECT_EQ(client().success(row(id)), FinishStatus::applied);
  EXPECT_TRUE(client().enqueue(NewJob{.kind = "k", .options = {.unique_key = "u"}}).inserted());
}

TEST_P(Edit, TheNewQueueIsMadeAndTheOldOneIsEmpty) {
  SQLQ_NEEDS(editing);
  admin().create_queue("old", {.concurrency = 0});
  admin().create_queue("deleted", {.concurrency = 0, .priority = 5});
  admin().pause("deleted");
  EXPECT_EQ(admin().delete_queue("deleted"), DeleteQueueStatus::deleted);
  const Ids ids{enqueue({.queue = "old"}), enqueue({.queue = "old"})};
  EXPECT_EQ(edit(dialect(), {ids[0]}, {.queue = "made"}, clock().instant()), Actions{edited});
  EXPECT_EQ(admin().delete_queue("old"), DeleteQueueStatus::not_empty);
  EXPECT_EQ(edit(dialect(), {ids[1]}, {.queue = "deleted"}, clock().instant()), Actions{edited});
  for (const char* name : {"made", "deleted"}) {
    const std::optional<Queue> queue = admin().queue(name);
    ASSERT_TRUE(queue) << name;
    EXPECT_EQ(queue->concurrency, std::nullopt) << name;
    EXPECT_EQ(queue->priority, 1) << name;
    EXPECT_FALSE(queue->paused) << name;
    EXPECT_EQ(admin().counts(name)[JobState::pending].value, 1u) << name;
    EXPECT_EQ(admin().delete_queue(name), DeleteQueueStatus::not_empty) << name;
  }
  EXPECT_EQ(admin().counts("old")[JobState::pending].value, 0u);
  EXPECT_EQ(admin().delete_queue("old"), DeleteQueueStatus::deleted);
  EXPECT_EQ(claim(10).size(), 2u);
}

TEST_P(Edit, AMovedJobKeepsItsPlaceByAge) {
  SQLQ_NEEDS(editing);
  for (const Duration apart : {0us, 1'000'000us}) {
    Ids expected;
    Ids moved;
    for (int i = 0; i < 6; ++i) {
      expected.push_back(enqueue({.queue = i % 2 == 0 ? "from" : "to"}));
      if (i % 2 == 0) moved.push_back(expected.back());
      clock().advance(apart);
    }
    std::ranges::reverse(moved);
    EXPECT_EQ(edit(dialect(), moved, {.queue = "to"}, clock().instant()), Actions(3, edited));
    EXPECT_TRUE(claim(10, {"from"}).empty());
    Ids order;
    for (int i = 0; i < 6; ++i) order.push_back(take({"to"}).id);
    EXPECT_EQ(order, expected) << "enqueued apart by us: " << apart.count();
  }
}

TEST_P(Edit, APriorityTakesEffectAndEqualOnesGoByAge) {
  SQLQ_NEEDS(editing);
  Ids ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(enqueue());
    clock().advance(1s);
  }
  edit(dialect(), {ids[0]}, {.priority = 20}, clock().instant());
  edit(dialect(), {ids[4], ids[2]}, {.priority = -5}, clock().instant());
  EXPECT_EQ(ids_of(claim(10)), (Ids{ids[2], ids[4], ids[1], ids[3], ids[0]}));

  admin().create_queue("first", {.priority = 0});
  const JobId plain = enqueue({.priority = 0});
  const JobId moved = enqueue({.priority = 99});
  edit(dialect(), {moved}, {.queue = "first"}, clock().instant());
  EXPECT_EQ(take().id, moved) << "its queue comes first now";
  EXPECT_EQ(take().id, plain);
}

TEST_P(Edit, AScheduledJobIsClaimedWhenItIsDueWhereItIsNow) {
  SQLQ_NEEDS(editing);
  const JobId later = enqueue_kind("x", {.queue = "from", .delay = 10s});
  const JobId due = enqueue_kind("y", {.queue = "from", .delay = 5s});
  clock().advance(5s);
  EXPECT_EQ(edit(dialect(), {later, due}, {.queue = "to", .priority = 1}, clock().instant()), Actions(2, edited));
  const auto claimed = dialect().claim({.queues = std::vector<std::string>{"to"},
                                        .kinds = std::vector<std::string>{"x", "y"},
                                        .limit = 10,
                                        .token = LeaseToken{7},
                                        .worker = "w",
                                        .now = clock().instant()});
  EXPECT_EQ(ids_of(claimed.jobs), Ids{due});
  EXPECT_EQ(row(later).run_at, clock().now() + 5s);
  clock().advance(5s);
  EXPECT_TRUE(claim(1, {"to"}, {"y"}).empty()) << "kinds stay";
  EXPECT_EQ(ids_of(claim(10, {"to"}, {"x"})), Ids{later});
}

TEST_P(Edit, LimitsAndPausesOfTheNewQueueHoldAndTheOldOnesNoMore) {
  SQLQ_NEEDS(editing);
  admin().create_queue("one", {.concurrency = 1});
  admin().create_queue("closed", {.concurrency = 0});
  admin().create_queue("paused");
  admin().pause("paused");
  enqueue({.queue = "one"});
  const Job holder = take();
  const Ids ids{enqueue(), enqueue(), enqueue(), enqueue()};
  edit(dialect(), {ids[0], ids[1]}, {.queue = "one"}, clock().instant());
  edit(dialect(), {ids[2]}, {.queue = "closed"}, clock().instant());
  edit(dialect(), {ids[3]}, {.queue = "paused"}, clock().instant());
  EXPECT_TRUE(claim(10).empty());
  EXPECT_EQ(admin().queue("one")->concurrency, 1u);
  EXPECT_TRUE(admin().queue("paused")->paused);
  client().success(holder);
  EXPECT_EQ(ids_of(claim(10)), Ids{ids[0]});
  edit(dialect(), {ids[1], ids[2], ids[3]}, {.queue = "open"}, clock().instant());
  EXPECT_EQ(ids_of(claim(10)), (Ids{ids[1], ids[2], ids[3]}));
  client().success(row(ids[0]));
  EXPECT_EQ(held("one"), 0u);
}

TEST_P(Edit, ASuspectIsOneWhereverItIs) {
  SQLQ_NEEDS(editing);
  const Ids suspects{enqueue({.queue = "from", .max_crashes = 2}), enqueue({.queue = "from", .max_crashes = 2})};
  ASSERT_EQ(claim(2).size(), 2u);
  clock().advance(31s);
  ASSERT_EQ(client().reap().returned.size(), 2u);
  const JobId plain = enqueue({.queue = "to"});
  EXPECT_EQ(edit(dialect(), suspects, {.queue = "to", .priority = 1}, clock().instant()), Actions(2, edited));
  const Ids first = ids_of(claim(10, {"to"}));
  EXPECT_EQ(first.size(), 2u) << "one suspect at a time";
  EXPECT_TRUE(std::ranges::find(first, plain) != first.end());
  EXPECT_EQ(claim(10).size(), 1u);
}

TEST_P(Edit, WhoWaitsForWorkHearsOfAJobThatBecameClaimable) {
  SQLQ_NEEDS(editing);
  admin().create_queue("closed", {.concurrency = 0});
  const JobId id = enqueue({.queue = "closed"});
  std::atomic<int> hints{0};
  const auto subscription = dialect().subscribe([&] { ++hints; });
  const int before = hints;
  EXPECT_EQ(edit(dialect(), {id}, {.queue = "open"}, clock().instant()), Actions{edited});
  EXPECT_GT(hints, before);
}

// Overlapping sets in opposite orders, to queues that are not there yet.
TEST_P(Edit, EditsAtOnceDoNotStopEachOther) {
  SQLQ_NEEDS(editing);
  use_system_clock();
  Ids ids;
  for (int i = 0; i < 60; ++i) ids.push_back(enqueue({.queue = "q" + std::to_string(i % 3)}));
  const std::vector<Database> handles = {db(), another()};
  std::atomic<int> not_edited{0};
  in_threads(4, [&](int t) {
    backend::Dialect& mine = handles[static_cast<std::size_t>(t) % 2].ready();
    Ids set(ids.begin() + 5 * t, ids.end() - 15 + 5 * t);
    if (t % 2 == 0) std::ranges::reverse(set);
    for (int round = 0; round < 15; ++round) {
      const std::string queue = "q" + std::to_string((t + round) % 6);
      const Actions answers = edit(mine, set, {.queue = queue, .priority = t * 100 + round});
      not_edited += static_cast<int>(std::ranges::count_if(answers, [](ActionStatus s) { return s != edited; }));
    }
  });
  EXPECT_EQ(not_edited, 0) << "no two edits gave the same priority";
  std::uint64_t listed = 0;
  for (const QueueStats& stats : admin().stats()) {
    EXPECT_EQ(stats.counts.at(JobState::pending).value, admin().list({.queues = {stats.queue.name}}).size());
    listed += stats.counts.at(JobState::pending).value;
  }
  EXPECT_EQ(listed, ids.size());
  EXPECT_EQ(claim(100).size(), ids.size());
}

TEST_P(Edit, AClaimThatRacesWithEditsGetsEachJobOnceAndKeepsLimits) {
  SQLQ_NEEDS(editing);
  use_system_clock();
  admin().create_queue("two", {.concurrency = 2});
  const std::vector<Database> handles = {db(), another()};
  std::vector<NewJob> jobs(150, NewJob{.kind = "work", .options = {.queue = "a"}});
  Ids ids;
  for (const Enqueued& e : client().enqueue_many(jobs)) ids.push_back(e.id);
  std::mutex mutex;
  std::map<JobId, int> runs;
  std::atomic<int> wrong{0};
  in_threads(4, [&](int t) {
    const Database mine = handles[static_cast<std::size_t>(t) % 2];
    if (t >= 2) {
      for (int round = 0; round < 12; ++round) {
        const std::string queue = round % 3 == 0 ? "two" : round % 3 == 1 ? "a" : "b";
        const Actions answers = edit(mine.ready(), ids, {.queue = queue, .priority = round});
        wrong += static_cast<int>(std::ranges::count(answers, not_found));
      }
      return;
    }
    Client worker{mine};
    EXPECT_TRUE(eventually([&] {
      const std::vector<Job> claimed = worker.claim({}, {}, 5);
      if (held("two") > 2) ++wrong;
      for (const Job& job : claimed) {
        if (worker.success(job) != FinishStatus::applied) ++wrong;
      }
      const std::lock_guard lock(mutex);
      for (const Job& job : claimed) ++runs[job.id];
      return runs.size() == ids.size();
    }));
  });
  EXPECT_EQ(wrong, 0);
  for (const auto& [id, times] : runs) EXPECT_EQ(times, 1) << id.to_string();
  for (const Job& job : admin().list({}, {.limit = 1000})) {
    EXPECT_EQ(job.state, JobState::success);
    EXPECT_EQ(job.claims, 1);
  }
  EXPECT_EQ(held(), 0u);
}

}  // namespace sqlq::conformance
