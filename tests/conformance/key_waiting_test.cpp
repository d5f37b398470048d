// A job with a key waits until it is let in. While it waits it is a job like any other: seen, counted, changed, ended.

#include <sqlq/bulk.hpp>

#include "keyed.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;

}  // namespace

TEST_P(KeyWaiting, IsThereWhenItIsDeclared) { EXPECT_EQ(dialect().gates() != nullptr, capabilities().limits); }

TEST_P(KeyWaiting, WithoutThePartAKeyIsRefusedBeforeAnythingIsStored) {
  SQLQ_NEEDS_NO(limits);
  const NewJob keyed{.kind = "work", .options = {.key = "k"}};
  EXPECT_EQ(code_of([&] { return client().enqueue(keyed); }), "configuration");
  EXPECT_EQ(code_of([&] { return client().enqueue_many(std::vector{NewJob{.kind = "work"}, keyed}); }),
            "configuration");
  EXPECT_TRUE(admin().list().empty());
  EXPECT_EQ(code_of([&] { return admin().set_key_limits("q", {.concurrency = 1}), 0; }), "configuration");
  EXPECT_EQ(code_of([&] { return admin().set_key_limits("q", "k", std::nullopt), 0; }), "configuration");
  EXPECT_EQ(code_of([&] { return admin().key_limits("q"); }), "configuration");
  EXPECT_EQ(code_of([&] { return admin().keys("q"); }), "configuration");
  EXPECT_EQ(code_of([&] { return admin().key("q", "k"); }), "configuration");
  EXPECT_EQ(code_of([&] { return admin().shut_key("q", "k", 1s), 0; }), "configuration");
  EXPECT_EQ(code_of([&] { return admin().open_key("q", "k"), 0; }), "configuration");
  EXPECT_TRUE(admin().queues().empty());
}

TEST_P(KeyWaiting, AJobWithAKeyIsStoredAsWaitingAndThenLetIn) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  const TimePoint stored = clock().now();
  const JobId id = q.add({.headers = {{"trace", "1"}}});
  Job job = row(id);
  EXPECT_EQ(job.state, waiting);
  EXPECT_EQ(key_of(job), "k");
  EXPECT_EQ(job.headers, (Headers{{"trace", "1"}, {"sqlq-key", "k"}}));
  EXPECT_EQ(job.run_at, stored);
  clock().advance(1s);
  EXPECT_EQ(q.look(), 1u);
  job = row(id);
  EXPECT_EQ(job.state, pending);
  EXPECT_EQ(job.run_at, stored);
  EXPECT_EQ(job.attempt, 0);
  job = take({"q"});
  EXPECT_EQ(job.id, id);
  EXPECT_EQ(key_of(job), "k");
  EXPECT_EQ(client().success(job, "7"), FinishStatus::applied);
  EXPECT_EQ(state(id), success);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(row(id).headers.at("sqlq-key"), "k");
  EXPECT_TRUE(admin().history(id).empty()) << "its life was that of any job";
}

TEST_P(KeyWaiting, AJobThatHasJustComeIsSeenByALookThatNamesNothing) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  const Ids ids{q.add(), q.add_of("other"), q.add({.queue = "another"})};
  EXPECT_EQ(q.look_around(), 3u);
  EXPECT_EQ(q.states(ids), (States{pending, pending, pending}));
  EXPECT_EQ(q.look_around(), 0u) << "a replay";
  EXPECT_EQ(q.look(), 0u);
}

TEST_P(KeyWaiting, AKeyWithoutLimitsLetsEverybodyIn) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  std::vector<NewJob> jobs(250, NewJob{.kind = "work", .options = {.queue = "q", .key = "k"}});
  client().enqueue_many(jobs);
  EXPECT_EQ(admin().counts("q").at(waiting).value, 250u);
  EXPECT_EQ(q.look_around(), 250u);
  EXPECT_EQ(admin().counts("q").at(waiting).value, 0u);
  EXPECT_EQ(claim(1000, {"q"}).size(), 250u);
}

TEST_P(KeyWaiting, ABatchMayMixJobsWithAndWithoutKeys) {
  SQLQ_NEEDS(limits);
  const JobId own = JobId::make(clock().now());
  const std::vector<NewJob> jobs{{.kind = "work", .options = {.queue = "q"}},
                                 {.kind = "work", .options = {.queue = "q", .key = "k", .id = own}},
                                 {.kind = "work", .options = {.queue = "q", .delay = 1h, .key = "k"}},
                                 {.kind = "work", .options = {.queue = "q", .delay = 1h}},
                                 {.kind = "work", .options = {.queue = "q", .unique_key = "u", .key = "k"}},
                                 {.kind = "work", .options = {.queue = "q", .unique_key = "u", .key = "other"}},
                                 {.kind = "work", .options = {.queue = "q", .key = "k", .id = own}}};
  const std::vector<Enqueued> answers = client().enqueue_many(jobs);
  ASSERT_EQ(answers.size(), jobs.size());
  EXPECT_EQ(answers[5].status, EnqueueStatus::existing_key);
  EXPECT_EQ(answers[5].id, answers[4].id);
  EXPECT_EQ(answers[6].status, EnqueueStatus::existing_id);
  KeyedQueue q(db(), clock());
  const Ids ids{answers[0].id, answers[1].id, answers[2].id, answers[3].id, answers[4].id};
  EXPECT_EQ(q.states(ids), (States{pending, waiting, waiting, scheduled, waiting}));
  EXPECT_EQ(client().enqueue(jobs[1]).status, EnqueueStatus::existing_id) << "a replay";
  EXPECT_EQ(q.look_around(), 2u);
  EXPECT_EQ(q.states(ids), (States{pending, pending, waiting, scheduled, pending}));
}

TEST_P(KeyWaiting, ADelayedJobIsLetInWhenItIsDue) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  const TimePoint due = clock().now() + 10s;
  const JobId late = q.add({.delay = 10s});
  const JobId later = q.add({.run_at = due + 5s, .key = "other"});
  EXPECT_EQ(q.states({late, later}), (States{waiting, waiting}));
  EXPECT_EQ(row(late).run_at, due);
  EXPECT_EQ(q.look(), 0u);
  ASSERT_TRUE(q.last().next);
  EXPECT_LE(*q.last().next, due);
  clock().advance(10s - 1us);
  EXPECT_EQ(q.look(), 0u);
  clock().advance(1us);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(q.states({late, later}), (States{pending, waiting}));
  EXPECT_EQ(row(late).run_at, due);
  clock().advance(5s);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(q.states({late, later}), (States{pending, pending}));
}

TEST_P(KeyWaiting, AJobOfATransactionIsThereOnceItIsCommitted) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    KeyedQueue q(db(), clock());
    const NewJob keyed{.kind = "work", .options = {.queue = "q", .key = "k"}};
    user.begin();
    user.execute("INSERT INTO user_rows VALUES (1)");
    const JobId undone = client().enqueue(user.tx(), keyed).id;
    EXPECT_EQ(client().find(user.tx(), undone)->state, waiting);
    user.rollback();
    EXPECT_EQ(q.look_at({{"q", "k"}}), 0u);
    EXPECT_FALSE(client().find(undone));
    EXPECT_EQ(q.status().waiting, 0u);

    user.begin();
    const std::vector<NewJob> both{keyed, {.kind = "work", .options = {.queue = "q"}}};
    const std::vector<Enqueued> done = client().enqueue_many(user.tx(), both);
    user.commit();
    EXPECT_EQ(q.states({done.at(0).id, done.at(1).id}), (States{waiting, pending}));
    EXPECT_EQ(q.status().waiting, 1u);
    EXPECT_EQ(q.look_around(), 1u);
    for (const Job& job : claim(2, {"q"})) EXPECT_EQ(client().success(job), FinishStatus::applied);
    EXPECT_EQ(q.states({done.at(0).id, done.at(1).id}), (States{success, success}));
  });
}

TEST_P(KeyWaiting, AnEndThatIsRolledBackFreesNothing) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(borrowed_transactions);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(2);
  EXPECT_EQ(q.look(), 1u);
  const Job job = take();
  const auto connection = user();
  connection->begin();
  EXPECT_EQ(client().success(connection->tx(), job), FinishStatus::applied);
  connection->rollback();
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(q.states(ids), (States{running, waiting}));
  connection->begin();
  EXPECT_EQ(client().success(connection->tx(), job), FinishStatus::applied);
  connection->commit();
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{success, pending}));
}

TEST_P(KeyWaiting, IsCancelledAtOnce) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(4);
  const JobId delayed = q.add({.delay = 1h});
  EXPECT_EQ(client().cancel(ids[0]), CancelStatus::cancelled) << "nobody has looked yet";
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{cancelled, pending, waiting, waiting}));
  EXPECT_EQ(client().cancel(ids[2]), CancelStatus::cancelled) << "it stood in line";
  EXPECT_EQ(client().cancel(delayed), CancelStatus::cancelled);
  EXPECT_EQ(client().cancel(ids[2]), CancelStatus::finished);
  EXPECT_EQ(causes(ids[2]), std::vector<Cause>{Cause::cancelled});
  EXPECT_EQ(client().cancel(ids[1]), CancelStatus::cancelled) << "it was let in";
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{cancelled, cancelled, cancelled, pending}));
  clock().advance(2h);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(state(delayed), cancelled);
  EXPECT_EQ(q.status().waiting, 0u);
}

TEST_P(KeyWaiting, IsCancelledInATransaction) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(borrowed_transactions);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(3);
  const auto connection = user();
  connection->begin();
  EXPECT_EQ(client().cancel(connection->tx(), ids[0]), CancelStatus::cancelled);
  connection->rollback();
  connection->begin();
  EXPECT_EQ(client().cancel(connection->tx(), ids[1]), CancelStatus::cancelled);
  connection->commit();
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{pending, cancelled, waiting}));
}

TEST_P(KeyWaiting, OnlyOneThatHasEndedCanBeErased) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(3);
  EXPECT_EQ(admin().erase(ids[0]), ActionStatus::unchanged);
  EXPECT_EQ(admin().requeue(ids[0]), RequeueStatus::not_finished);
  EXPECT_EQ(admin().take_away(ids[0]), ActionStatus::unchanged);
  EXPECT_EQ(q.look(), 1u);
  client().cancel(ids[0]);
  client().cancel(ids[1]);
  EXPECT_EQ(admin().erase(ids[0]), ActionStatus::done) << "it was let in";
  EXPECT_EQ(admin().erase(ids[1]), ActionStatus::done) << "it stood in line";
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states(ids), (States{invalid, invalid, pending}));
  EXPECT_EQ(q.status().jobs, Ids{ids[2]});
}

TEST_P(KeyWaiting, RetentionAndSweepsLeaveItAlone) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 0});
  KeyedQueue q(db(), clock());
  const JobId id = q.add({.retention = 1h});
  EXPECT_EQ(q.look(), 0u);
  clock().advance(24h * 30);
  EXPECT_EQ(client().reap().total(), 0u);
  EXPECT_EQ(admin().purge().deleted, 0u);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(state(id), waiting);
  client().cancel(id);
  clock().advance(2h);
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_FALSE(client().find(id));
}

TEST_P(KeyWaiting, HoldsItsUniqueKey) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids{q.add(), q.add({.unique_key = "u"}), q.add({.delay = 1h, .unique_key = "v"})};
  const auto again = [&](const std::string& unique) {
    return client().enqueue(NewJob{.kind = "work", .options = {.queue = "elsewhere", .unique_key = unique}});
  };
  EXPECT_EQ(again("u").status, EnqueueStatus::existing_key);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(again("u").id, ids[1]) << "it stands in line";
  EXPECT_EQ(again("v").id, ids[2]);
  client().cancel(ids[1]);
  const Enqueued next = again("u");
  EXPECT_TRUE(next.inserted());
  EXPECT_EQ(admin().requeue(ids[1]), RequeueStatus::duplicate);
  client().cancel(next.id);
  EXPECT_EQ(admin().requeue(ids[1]), RequeueStatus::requeued);
  EXPECT_EQ(again("u").id, ids[1]) << "it waits again";
  EXPECT_EQ(state(ids[1]), waiting);
}

TEST_P(KeyWaiting, IsListedFilteredAndCounted) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids{q.add(), q.add({.priority = 30, .unique_key = "u"}), q.add({.delay = 1h})};
  EXPECT_EQ(q.look(), 1u);
  const JobId plain = enqueue({.queue = "q"});
  const Ids waiting_ones{ids[2], ids[1]};
  EXPECT_EQ(ids_of(admin().list({.states = {waiting}})), waiting_ones);
  EXPECT_EQ(ids_of(admin().list({.queues = {"q"}, .states = {waiting}})), waiting_ones);
  EXPECT_EQ(ids_of(admin().list({.queues = {"q"}, .states = {waiting, pending}})),
            (Ids{plain, ids[2], ids[1], ids[0]}));
  EXPECT_EQ(ids_of(admin().list({.queues = {"q"}})), (Ids{plain, ids[2], ids[1], ids[0]}));
  EXPECT_EQ(ids_of(admin().list({.kinds = {"work"}, .states = {waiting}, .lowest_priority = 20})), Ids{ids[1]});
  EXPECT_EQ(ids_of(admin().list({.unique_key = "u"})), Ids{ids[1]});
  EXPECT_TRUE(admin().list({.queues = {"other"}, .states = {waiting}}).empty());
  EXPECT_EQ(admin().list({.ids = {ids[1]}}).at(0).headers.at("sqlq-key"), "k");

  for (const JobCounts& counts : {admin().counts(), admin().counts("q"), admin().stats("q").value().counts}) {
    EXPECT_EQ(counts.at(waiting).value, 2u);
    EXPECT_EQ(counts.at(pending).value, 2u);
    EXPECT_EQ(counts.at(scheduled).value, 0u);
    EXPECT_EQ(counts.size(), 8u) << "every state is present";
  }
  EXPECT_EQ(admin().counts("other").at(waiting).value, 0u);
  const CappedCount capped = admin().counts("q", 1).at(waiting);
  EXPECT_EQ(capped.value, 1u);
  EXPECT_TRUE(capped.capped);
  EXPECT_FALSE(admin().counts("q", 2).at(waiting).capped);
}

TEST_P(KeyWaiting, OnlyThoseLetInWaitForAHandler) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 0});
  KeyedQueue q(db(), clock());
  static_cast<void>(q.add_many(2));
  EXPECT_EQ(q.look(), 0u);
  EXPECT_TRUE(admin().waiting_kinds().empty());
  EXPECT_FALSE(admin().stats("q").value().oldest_due) << "a worker that comes runs none of them";
}

TEST_P(KeyWaiting, KeepsItsQueue) {
  SQLQ_NEEDS(limits);
  admin().create_queue("q");
  admin().set_key_limits("q", {.concurrency = 1});
  admin().set_key_limits("q", "own", KeyLimits{.concurrency = 2});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(3);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().cancel(ids[0]), CancelStatus::cancelled);
  EXPECT_EQ(admin().delete_queue("q", {.finished = true}), DeleteQueueStatus::not_empty);
  EXPECT_EQ(state(ids[2]), waiting);
  EXPECT_EQ(admin().key_limits("q").concurrency, 1u);
  EXPECT_EQ(admin().delete_queue("q", {.finished = true, .waiting = true}), DeleteQueueStatus::deleted);
  EXPECT_EQ(q.states(ids), (States{invalid, invalid, invalid}));
  EXPECT_FALSE(admin().queue("q"));
  EXPECT_EQ(admin().key_limits("q"), KeyLimits{}) << "its settings are forgotten";
  EXPECT_TRUE(admin().keys("q").empty());
  static_cast<void>(q.add_many(2));
  EXPECT_EQ(q.look(), 2u);
}

TEST_P(KeyWaiting, IsMovedToAQueueWhoseKeyItHasThen) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(editing);
  admin().set_key_limits("q", {.concurrency = 1});
  admin().set_key_limits("full", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(5);
  const JobId there = q.add({.queue = "full"});
  EXPECT_EQ(q.look(), 2u);
  const auto move = [&](JobId id, std::string_view queue) {
    return dialect().editing()->edit({&id, 1}, {.queue = queue}, clock().instant()).at(0);
  };
  EXPECT_EQ(move(ids[1], "free"), ActionStatus::done);
  EXPECT_EQ(move(ids[1], "free"), ActionStatus::unchanged);
  EXPECT_EQ(move(ids[2], "full"), ActionStatus::done);
  EXPECT_EQ(row(ids[1]).queue, "free");
  EXPECT_EQ(state(ids[1]), waiting);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(q.states(ids), (States{pending, pending, waiting, waiting, waiting}));
  EXPECT_EQ(admin().key("full", "k").waiting, 1u);
  EXPECT_EQ(admin().key("q", "k").waiting, 2u);
  EXPECT_EQ(client().success(take({"full"})), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states({there, ids[2]}), (States{success, pending}));
  const BulkReport report = Bulk{db()}.apply(BulkAction::move("free"), {.queues = {"q"}, .states = {waiting}},
                                             {.share = 1});
  EXPECT_EQ(report.done, 2u);
  EXPECT_EQ(q.look_around(), 2u);
  EXPECT_EQ(admin().key("q", "k").waiting, 0u);
  EXPECT_EQ(admin().key("free", "k").inside, 3u);
}

TEST_P(KeyWaiting, OneThatWasLetInKeepsToTheLimitOfItsKeyWhenItIsMoved) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(editing);
  admin().set_key_limits("a", {.concurrency = 1});
  admin().set_key_limits("b", {.concurrency = 1});
  KeyedQueue q(db(), clock(), "a");
  const Ids ids{q.add(), q.add({.queue = "b"}), q.add(), q.add({.queue = "b"})};
  EXPECT_EQ(q.look(), 2u);
  const JobId moved = ids[0];
  const std::vector<ActionStatus> said = dialect().editing()->edit({&moved, 1}, {.queue = "b"}, clock().instant());
  static_cast<void>(said);
  for (int round = 0; round < 8; ++round) {
    q.look();
    const std::vector<Job> jobs = claim(10);
    std::size_t of_b = 0;
    for (const Job& job : jobs) of_b += job.queue == "b" ? 1u : 0u;
    EXPECT_LE(of_b, 1u) << "in round " << round;
    for (const Job& job : jobs) EXPECT_EQ(client().success(job), FinishStatus::applied);
  }
  EXPECT_EQ(q.states(ids), (States{success, success, success, success}));
}

TEST_P(KeyWaiting, IsCancelledRetriedAndErasedInBulk) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 2});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(6);
  EXPECT_EQ(q.look(), 2u);
  Bulk bulk{db()};
  const JobFilter all{.queues = {"q"}};
  EXPECT_EQ(bulk.preview({.queues = {"q"}, .states = {waiting}}).count.value, 4u);
  EXPECT_EQ(bulk.apply(BulkAction::cancel(), all, {.share = 1}).done, 6u);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(bulk.apply(BulkAction::retry(), all, {.share = 1}).done, 6u);
  EXPECT_EQ(q.look(), 2u);
  EXPECT_EQ(q.status().waiting, 4u);
  EXPECT_EQ(bulk.apply(BulkAction::cancel(), all, {.share = 1}).done, 6u);
  EXPECT_EQ(bulk.apply(BulkAction::erase(), all, {.share = 1}).done, 6u);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(q.status().inside + q.status().waiting, 0u);
}

TEST_P(KeyWaiting, PlainJobsOfTheQueueAreLeftAlone) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 0, .rate = Rate{.count = 1, .per = 1h}, .order = sqlq::KeyOrder::strict});
  KeyedQueue q(db(), clock());
  const JobId keyed = q.add();
  const Ids plain{enqueue({.queue = "q"}), enqueue({.queue = "q"}), enqueue({.queue = "q", .delay = 1s})};
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(q.states(plain), (States{pending, pending, scheduled}));
  clock().advance(1s);
  const std::vector<Job> jobs = claim(10, {"q"});
  EXPECT_EQ(ids_of(jobs), plain);
  EXPECT_EQ(client().error(jobs.at(0), "no", {.retry = RetryPolicy::constant(5s)}), FinishStatus::applied);
  EXPECT_EQ(client().release(jobs.at(1)), FinishStatus::applied);
  EXPECT_EQ(client().success(jobs.at(2)), FinishStatus::applied);
  EXPECT_EQ(q.states(plain), (States{scheduled, pending, success}));
  EXPECT_TRUE(key_of(jobs.at(0)).empty());
  EXPECT_EQ(state(keyed), waiting);
  EXPECT_EQ(q.status().inside, 0u);
}

}  // namespace sqlq::conformance
