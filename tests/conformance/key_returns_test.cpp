// A job with a key that goes back waits and is let in anew; all else about it is as of a job without one.

#include "keyed.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using enum JobState;

/// A way back, and when the job may run again.
struct Return {
  const char* name;
  std::function<void(Client, Admin, testing::ManualClock&, const Job&)> go;
  Duration delay{0};
};

/// The execution waits for the signal "go".
backend::RecordStatus wait_for_go(backend::Dialect& dialect, const Job& job, Instant now) {
  const backend::NewStep wait{
      .id = job.id, .token = job.lease_token, .kind = StepKind::wait, .name = "go", .delay = 24h};
  return dialect.steps()->record_step(wait, nullptr, now).status;
}

std::vector<Return> returns() {
  return {{"retry", [](Client client, const Admin&, testing::ManualClock&, const Job& job) {
             EXPECT_EQ(client.error(job, "no", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
           }},
          {"retry later", [](Client client, const Admin&, testing::ManualClock&, const Job& job) {
             EXPECT_EQ(client.error(job, "no", {.retry = RetryPolicy::constant(10s)}), FinishStatus::applied);
           }, 10s},
          {"snooze", [](Client client, const Admin&, testing::ManualClock&, const Job& job) {
             EXPECT_EQ(client.snooze(job, 5s), FinishStatus::applied);
           }, 5s},
          {"release", [](Client client, const Admin&, testing::ManualClock&, const Job& job) {
             EXPECT_EQ(client.release(job), FinishStatus::applied);
           }},
          {"reap", [](Client client, const Admin&, testing::ManualClock& clock, const Job& job) {
             clock.advance(31s);
             EXPECT_EQ(client.reap(std::vector{job.queue}).returned, Ids{job.id});
           }},
          {"take away", [](const Client&, Admin admin, testing::ManualClock&, const Job& job) {
             EXPECT_EQ(admin.take_away(job.id), ActionStatus::done);
           }},
          {"requeue", [](Client client, Admin admin, testing::ManualClock&, const Job& job) {
             EXPECT_EQ(client.success(job, "1"), FinishStatus::applied);
             EXPECT_EQ(admin.requeue(job.id), RequeueStatus::requeued);
           }}};
}

/// What must not depend on a key.
std::string story(const Job& job) {
  const auto at = [](TimePoint time) { return std::to_string(time.time_since_epoch().count()); };
  return "attempt " + std::to_string(job.attempt) + ", crashes " + std::to_string(job.crashes) + ", claims " +
         std::to_string(job.claims) + ", due " + at(job.run_at) + ", put back " + at(job.queued_at) + ", result " +
         job.result + (job.finished_at ? ", finished" : "") + (job.lease_token == LeaseToken{} ? ", no lease" : "");
}

}  // namespace

TEST_P(KeyReturns, EveryWayBackLeadsToWaiting) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  for (const Return& way : returns()) {
    SCOPED_TRACE(way.name);
    KeyedQueue q(db(), clock());
    const JobId id = q.add();
    EXPECT_EQ(q.look(), 1u);
    const Job lease = take({"q"});
    admin().set_key_limits("q", {.concurrency = 0});
    way.go(client(), admin(), clock(), lease);
    Job job = row(id);
    EXPECT_EQ(job.state, waiting);
    EXPECT_EQ(job.run_at > clock().now(), way.delay > 0s);
    EXPECT_EQ(key_of(job), "k");
    EXPECT_TRUE(claim(10, {"q"}).empty());
    EXPECT_EQ(q.status().inside, 0u);
    EXPECT_EQ(q.status().waiting, 1u);

    admin().set_key_limits("q", {.concurrency = 1});
    EXPECT_EQ(q.look(), way.delay > 0s ? 0u : 1u);
    if (way.delay > 0s) {
      clock().advance(way.delay - 1us);
      EXPECT_EQ(q.look(), 0u);
      clock().advance(1us);
      EXPECT_EQ(q.look_around(), 1u) << "it was known when to look again";
    }
    job = take({"q"});
    EXPECT_EQ(job.id, id);
    EXPECT_EQ(job.claims, 2);
    EXPECT_EQ(client().success(job), FinishStatus::applied);
    EXPECT_EQ(q.look(), 0u);
  }
}

TEST_P(KeyReturns, NothingElseDependsOnTheKey) {
  SQLQ_NEEDS(limits);
  for (const Return& way : returns()) {
    SCOPED_TRACE(way.name);
    admin().set_key_limits("q", {});
    KeyedQueue q(db(), clock());
    const JobId plain = enqueue({.queue = "plain"});
    const JobId keyed = q.add();
    EXPECT_EQ(q.look(), 1u);
    const Job plain_job = take({"plain"});
    const Job keyed_job = take({"q"});
    admin().set_key_limits("q", {.concurrency = 0});
    // Both at one time; a way that lets time pass would find the other's lease ended.
    if (std::string_view(way.name) == "reap") {
      clock().advance(31s);
      EXPECT_EQ(client().reap().returned.size(), 2u);
    } else {
      way.go(client(), admin(), clock(), plain_job);
      way.go(client(), admin(), clock(), keyed_job);
    }
    EXPECT_EQ(story(row(keyed)), story(row(plain)));
    EXPECT_EQ(causes(keyed), causes(plain));
    EXPECT_EQ(state(keyed), waiting);
    admin().set_key_limits("q", {});
    clock().advance(way.delay);
    EXPECT_EQ(q.look(), 1u);
    EXPECT_EQ(story(row(keyed)), story(row(plain))) << "letting in changes nothing but the state";
    for (const Job& job : claim(10)) EXPECT_EQ(client().success(job), FinishStatus::applied);
  }
}

TEST_P(KeyReturns, ARoomThatWasLeftGoesToAnotherAndIsWaitedForAgain) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  for (const Return& way : returns()) {
    SCOPED_TRACE(way.name);
    KeyedQueue q(db(), clock());
    const JobId back = q.add({.priority = 10});
    EXPECT_EQ(q.look(), 1u);
    const Job job = take({"q"});
    const JobId other = q.add({.priority = 1});
    EXPECT_EQ(q.look(), 0u);
    way.go(client(), admin(), clock(), job);
    EXPECT_EQ(q.look(), 1u);
    EXPECT_EQ(q.states({back, other}), (States{waiting, pending})) << "by its priority";
    clock().advance(way.delay);
    EXPECT_EQ(q.look(), 0u) << "due, and there is no room";
    EXPECT_EQ(client().success(take({"q"})), FinishStatus::applied);
    EXPECT_EQ(q.look(), 1u);
    EXPECT_EQ(client().success(take({"q"})), FinishStatus::applied);
    EXPECT_EQ(q.states({back, other}), (States{success, success}));
  }
}

TEST_P(KeyReturns, AJobThatWasNeverSeenGoingIsNotLetInTwice) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 2});
  KeyedQueue q(db(), clock());
  const Ids ids = q.add_many(4);
  EXPECT_EQ(q.look(), 2u);
  const std::vector<Job> jobs = claim(10);
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(client().release(jobs[0]), FinishStatus::applied);
  EXPECT_EQ(client().success(jobs[1]), FinishStatus::applied);
  EXPECT_EQ(admin().requeue(jobs[1].id), RequeueStatus::requeued);
  EXPECT_EQ(client().cancel(jobs[1].id), CancelStatus::cancelled);
  EXPECT_EQ(admin().requeue(jobs[1].id), RequeueStatus::requeued);
  EXPECT_EQ(q.look(), 2u);
  EXPECT_EQ(q.status().inside, 2u);
  EXPECT_EQ(q.status().waiting, 2u);
  std::size_t done = 0;
  for (int round = 0; round < 4; ++round) {
    for (const Job& job : claim(10)) {
      ++done;
      EXPECT_EQ(client().success(job), FinishStatus::applied);
    }
    q.look();
  }
  EXPECT_EQ(done, 4u);
}

TEST_P(KeyReturns, ARequeuedOneOfAnEmptyKeyIsSeenByALookThatNamesNothing) {
  SQLQ_NEEDS(limits);
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u) << "the key is forgotten";
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  EXPECT_EQ(state(id), waiting);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(client().error(take(), "no", {.discard = true}), FinishStatus::applied);
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
}

TEST_P(KeyReturns, OneWhoseCrashesAreTakenBackWaits) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(outages);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const JobId id = q.add({.max_crashes = 1});
  EXPECT_EQ(q.look(), 1u);
  const Job lease = take();
  clock().advance(31s);
  EXPECT_EQ(client().reap().errored, Ids{id});
  const JobId other = q.add();
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(client().ping(lease), LeaseStatus::lost);
  EXPECT_EQ(q.states({id, other}), (States{waiting, pending}));
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(take().id, id);
}

TEST_P(KeyReturns, OneThatWaitsForRoomTakesItsCrashBackAndWaitsOn) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(outages);
  admin().set_key_limits("q", {.concurrency = 0});
  admin().set_key_limits("q", "k", KeyLimits{.concurrency = 1});
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  EXPECT_EQ(q.look(), 1u);
  const Job lease = take();
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned, Ids{id});
  admin().set_key_limits("q", "k", std::nullopt);
  EXPECT_EQ(client().ping(lease), LeaseStatus::lost);
  EXPECT_EQ(row(id).crashes, 0);
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(state(id), waiting);
}

TEST_P(KeyReturns, ASignalWakesAJobThatStillNeedsRoom) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(steps);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  EXPECT_EQ(q.look(), 1u);
  const Job job = take();
  EXPECT_EQ(wait_for_go(dialect(), job, clock().instant()), backend::RecordStatus::recorded);
  EXPECT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  const JobId other = q.add();
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(q.states({id, other}), (States{waiting, pending})) << "who waits for a signal uses no room";
  EXPECT_EQ(client().signal(id, "go", "1"), SignalStatus::stored);
  EXPECT_EQ(state(id), waiting);
  EXPECT_LE(row(id).run_at, clock().now());
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(take().id, id);
}

TEST_P(KeyReturns, ASignalIsSeenByALookThatNamesNothing) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(steps);
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  EXPECT_EQ(q.look(), 1u);
  const Job job = take();
  EXPECT_EQ(wait_for_go(dialect(), job, clock().instant()), backend::RecordStatus::recorded);
  EXPECT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u) << "its gate is looked at and forgotten until then";
  clock().advance(1h);
  EXPECT_EQ(client().signal(id, "go", "1"), SignalStatus::stored);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(take().id, id);
}

TEST_P(KeyReturns, ASignalThatCameMeanwhileEndsTheSnoozeAtOnce) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(steps);
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  EXPECT_EQ(q.look(), 1u);
  const Job job = take();
  EXPECT_EQ(wait_for_go(dialect(), job, clock().instant()), backend::RecordStatus::recorded);
  EXPECT_EQ(client().signal(id, "go", "1"), SignalStatus::stored);
  admin().set_key_limits("q", {.concurrency = 0});
  EXPECT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  EXPECT_EQ(state(id), waiting);
  EXPECT_LE(row(id).run_at, clock().now());
  admin().set_key_limits("q", {});
  EXPECT_EQ(q.look(), 1u);
  EXPECT_EQ(take().id, id);
}

TEST_P(KeyReturns, AParentIsWokenByItsChildren) {
  SQLQ_NEEDS(limits);
  SQLQ_NEEDS(steps);
  KeyedQueue q(db(), clock());
  const JobId id = q.add();
  EXPECT_EQ(q.look(), 1u);
  const Job job = take();
  const backend::NewStep children{.id = id, .token = job.lease_token, .kind = StepKind::children, .name = "parts",
                                  .value = "[]"};
  static_cast<void>(dialect().steps()->record_step(children, nullptr, clock().instant()));
  EXPECT_EQ(client().snooze(job, 24h), FinishStatus::applied);
  EXPECT_EQ(q.look(), 0u);
  dialect().steps()->wake({&id, 1}, clock().instant());
  EXPECT_EQ(state(id), waiting);
  EXPECT_EQ(q.look_around(), 1u);
  EXPECT_EQ(take().id, id);
}

TEST_P(KeyReturns, RunNowLetsNobodyPastTheGate) {
  SQLQ_NEEDS(limits);
  admin().set_key_limits("q", {.concurrency = 1});
  KeyedQueue q(db(), clock());
  const Ids ids{q.add(), q.add({.delay = 1h}), q.add()};
  EXPECT_EQ(q.look(), 1u);
  for (const JobId id : ids) static_cast<void>(admin().run_now(id));
  EXPECT_EQ(q.states(ids), (States{pending, waiting, waiting}));
  EXPECT_EQ(q.look(), 0u);
  EXPECT_EQ(claim(10).size(), 1u);
}

}  // namespace sqlq::conformance
