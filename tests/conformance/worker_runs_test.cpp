// The worker: every fate a handler can choose, and what must not harm the process.

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/json.hpp>
#include <sqlq/sqlq.hpp>
#include <sqlq/stop_token.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

struct Sum {
  static constexpr std::string_view kind = "sum";
  int a = 0;
  int b = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Sum, a, b)
};

template <class F>
Handlers handler(const std::string& kind, F run, HandlerOptions options = {}) {
  Handlers handlers;
  handlers.on(kind, Handlers::Function(std::move(run)), std::move(options));
  return handlers;
}

/// Waits until the stop token is tripped.
void wait_until_stopped(JobContext& job) {
  Moment stopped;
  const sqlq::stop_callback on_stop(job.stop_token(), [&] { stopped.happen(); });
  stopped.wait();
}

}  // namespace

TEST_P(WorkerRuns, ATypedHandlerAndItsResult) {
  Handlers handlers;
  handlers.on<Sum>([](const Sum& sum, JobContext& job) { job.set_result(sum.a + sum.b); });
  QuietWorker worker{db(), handlers, {.name = "calculator"}};
  const JobId id = client().enqueue(Sum{2, 3}).id;
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(row(id).result, "5");
  EXPECT_EQ(row(id).worker, "calculator");
  EXPECT_EQ(row(id).attempt, 1);
  EXPECT_EQ(worker->stop().succeeded, 1u);
}

TEST_P(WorkerRuns, AnExceptionIsRetried) {
  const Handlers handlers = handler("work",
                                    [](JobContext& job) {
                                      job.set_result("1");
                                      if (job.attempt() < 3)
                                        throw std::runtime_error("boom " + std::to_string(job.attempt()));
                                      return Outcome::done();
                                    },
                                    {.retry = RetryPolicy::constant(10s)});
  QuietWorker worker{db(), handlers};
  const JobId id = enqueue();
  for (int attempt = 1; attempt <= 2; ++attempt) {
    ASSERT_TRUE(eventually([&] { return causes(id).size() == static_cast<std::size_t>(attempt); }));
    EXPECT_EQ(row(id).result, "1") << "it stays when the attempt fails";
    EXPECT_EQ(row(id).run_at, clock().now() + 10s);
    clock().advance(10s);
  }
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(row(id).result, "1");
  const std::vector<AttemptRecord> history = admin().history(id);
  EXPECT_EQ(history[0].message, "boom 1");
  EXPECT_EQ(history[1].message, "boom 2");
  EXPECT_EQ(history[1].cause, Cause::failed);
  const WorkerStats stats = worker->stop();
  EXPECT_EQ(stats.claimed, 3u);
  EXPECT_EQ(stats.failed, 2u);
  EXPECT_EQ(stats.succeeded, 1u);
}

TEST_P(WorkerRuns, WhateverIsThrownFailsTheAttemptAndTheWorkerLives) {
  Handlers handlers;
  handlers.on("int", [](JobContext&) -> Outcome { throw 42; });
  handlers.on("pointer", [](JobContext&) -> Outcome { throw "text"; });
  handlers.on("null", [](JobContext&) -> Outcome { throw nullptr; });
  handlers.on("error", [](JobContext&) { return Outcome::error("by value"); });
  handlers.on("work", [](JobContext&) { return Outcome::done(); });
  QuietWorker worker{db(), handlers};
  for (const char* kind : {"int", "pointer", "null", "error"}) {
    const JobId id = enqueue_kind(kind, {.max_attempts = 1});
    ASSERT_TRUE(reaches(id, JobState::errored)) << kind;
    EXPECT_EQ(causes(id), std::vector<Cause>{Cause::failed});
  }
  EXPECT_TRUE(reaches(enqueue(), JobState::success));
}

TEST_P(WorkerRuns, DiscardEndsTheJob) {
  Handlers handlers;
  handlers.on("returned", [](JobContext&) { return discard("bad input"); });
  handlers.on("thrown", [](JobContext&) -> Outcome { throw Discard("bad input"); });
  QuietWorker worker{db(), handlers};
  for (const char* kind : {"returned", "thrown"}) {
    const JobId id = enqueue_kind(kind);
    ASSERT_TRUE(reaches(id, JobState::errored));
    EXPECT_EQ(admin().history(id).at(0).cause, Cause::discarded);
    EXPECT_EQ(admin().history(id).at(0).message, "bad input");
  }
  EXPECT_EQ(worker->stop().discarded, 2u);
}

TEST_P(WorkerRuns, SnoozeComesBackUncharged) {
  std::atomic<int> runs{0};
  QuietWorker worker{
      db(), handler("work", [&](JobContext&) { return ++runs == 1 ? Outcome::snooze(1min) : Outcome::done(); })};
  const JobId id = enqueue({.max_attempts = 1});
  ASSERT_TRUE(reaches(id, JobState::scheduled));
  EXPECT_EQ(row(id).attempt, 0);
  clock().advance(1min);
  ASSERT_TRUE(reaches(id, JobState::success));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(worker->stop().snoozed, 1u);
}

TEST_P(WorkerRuns, ParamsOfAnotherShapeFailTheAttempt) {
  Handlers handlers;
  handlers.on<Sum>([](const Sum&) {});
  QuietWorker worker{db(), handlers};
  const JobId id =
      client().enqueue(NewJob{.kind = "sum", .params = R"({"hunter2":1})", .options = {.max_attempts = 1}}).id;
  ASSERT_TRUE(reaches(id, JobState::errored));
  EXPECT_EQ(admin().history(id).at(0).message.find("hunter2"), std::string::npos);
}

TEST_P(WorkerRuns, AWrongResultIsTheHandlersError) {
  QuietWorker worker{db(), handler("work", [](JobContext& job) {
                       job.set_result("{");
                       return Outcome::done();
                     })};
  const JobId id = enqueue({.max_attempts = 1});
  ASSERT_TRUE(reaches(id, JobState::errored));
  EXPECT_EQ(row(id).result, "");
}

TEST_P(WorkerRuns, LogLinesReachTheDatabaseInOrder) {
  QuietWorker worker{db(), handler("work", [](JobContext& job) {
                       for (int i = 0; i < 100; ++i) job.log().info(std::to_string(i));
                       job.log().error("last");
                       return Outcome::done();
                     })};
  const JobId id = enqueue();
  ASSERT_TRUE(reaches(id, JobState::success));
  const std::vector<LogLine> lines = admin().logs(id);
  ASSERT_EQ(lines.size(), 101u);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(lines[i].text, std::to_string(i));
  EXPECT_EQ(lines[100].level, LogLevel::error);
}

// Nobody moves the clock: no line waits for the next turn of whoever sends them.
TEST_P(WorkerRuns, AFinishedJobHasItsLogLines) {
  QuietWorker worker{db(), handler("work", [](JobContext& job) {
                       job.log().info("begun");
                       if (job.job().params == "1") throw std::runtime_error("no");
                       if (job.job().params == "2") return Outcome::discard("no");
                       return Outcome::done();
                     })};
  for (const char* params : {"0", "1", "2"}) {
    const JobId id = client().enqueue(NewJob{.kind = "work", .params = params, .options = {.max_attempts = 1}}).id;
    ASSERT_TRUE(eventually([&] { return is_finished(state(id)); }));
    const std::vector<LogLine> lines = admin().logs(id);
    ASSERT_EQ(lines.size(), 1u) << params;
    EXPECT_EQ(lines[0].text, "begun");
  }
}

TEST_P(WorkerRuns, LogLinesGoToTheUsersSinkInstead) {
  std::mutex mutex;
  std::vector<std::string> seen;
  const std::shared_ptr<LogSink> sink = make_log_sink([&](const LogLine& line) {
    const std::lock_guard lock(mutex);
    seen.push_back(line.text);
  });
  QuietWorker worker{db(),
                     handler("work",
                             [](JobContext& job) {
                               job.log().info("mine");
                               return Outcome::done();
                             }),
                     {.log_sink = sink}};
  const JobId id = enqueue();
  ASSERT_TRUE(reaches(id, JobState::success));
  worker->stop();
  EXPECT_EQ(seen, std::vector<std::string>{"mine"});
  EXPECT_TRUE(admin().logs(id).empty());
}

TEST_P(WorkerRuns, ATimeoutTripsTheToken) {
  Moment started;
  std::atomic<StopReason> reason{StopReason::none};
  const JobId id = enqueue({.max_attempts = 1, .timeout = 10s});
  QuietWorker worker{db(), handler("work", [&](JobContext& job) -> Outcome {
                       started.happen();
                       wait_until_stopped(job);
                       reason = job.stop_reason();
                       throw std::runtime_error("stopped early");
                     })};
  ASSERT_TRUE(started.wait());
  clock().advance(10s);
  ASSERT_TRUE(reaches(id, JobState::errored));
  EXPECT_EQ(reason, StopReason::timeout);
  EXPECT_EQ(causes(id), std::vector<Cause>{Cause::timed_out});
}

TEST_P(WorkerRuns, ACancelTripsTheToken) {
  Moment started;
  std::atomic<StopReason> reason{StopReason::none};
  const JobId id = enqueue();
  QuietWorker worker{db(), handler("work", [&](JobContext& job) -> Outcome {
                       started.happen();
                       wait_until_stopped(job);
                       reason = job.stop_reason();
                       throw std::runtime_error("stopped early");
                     })};
  ASSERT_TRUE(started.wait());
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  clock().advance(1s);  // a worker may gather hints for a while
  ASSERT_TRUE(reaches(id, JobState::cancelled));
  EXPECT_EQ(reason, StopReason::cancel);
  EXPECT_EQ(causes(id), std::vector<Cause>{Cause::cancelled});
  EXPECT_EQ(worker->stop().cancelled, 1u);
}

TEST_P(WorkerRuns, ACancelFromElsewhereComesWithinThreeSeconds) {
  Moment started;
  const JobId id = enqueue();
  QuietWorker worker{db(), handler("work", [&](JobContext& job) {
                       started.happen();
                       wait_until_stopped(job);
                       return Outcome::error("stopped early");
                     })};
  ASSERT_TRUE(started.wait());
  EXPECT_EQ(Client{another()}.cancel(id), CancelStatus::cancelling);
  clock().advance(3s);
  EXPECT_TRUE(reaches(id, JobState::cancelled));
}

TEST_P(WorkerRuns, ALostLeaseRefusesTheOutcome) {
  Moment started;
  Moment go_on;
  const JobId id = enqueue();
  QuietWorker worker{db(), handler("work", [&](JobContext& job) {
                       started.happen();
                       go_on.wait();
                       job.set_result("1");
                       return Outcome::done();
                     })};
  ASSERT_TRUE(started.wait());
  admin().pause("default");
  // As if this process had been frozen for long: another one's clock says the lease is over.
  const Instant later{clock().now(), clock().steady() + 1h};
  // The news of the pause makes the worker renew its lease: a row that is being renewed is passed over.
  EXPECT_TRUE(eventually([&] { return dialect().reap({}, 10, later).returned == std::vector<JobId>{id}; }));
  go_on.happen();
  EXPECT_TRUE(eventually([&] { return worker->stats().lost == 1; }));
  EXPECT_EQ(worker->stop().succeeded, 0u);
  EXPECT_EQ(state(id), JobState::pending);
  EXPECT_EQ(row(id).result, "");
}

TEST_P(WorkerRuns, UnknownKindsAreNeverClaimed) {
  const JobId unknown = enqueue_kind("unknown", {.priority = 1});
  const JobId known = enqueue();
  QuietWorker worker{db(), handler("work", [](JobContext&) { return Outcome::done(); })};
  ASSERT_TRUE(reaches(known, JobState::success));
  worker->stop();
  EXPECT_EQ(state(unknown), JobState::pending);
  EXPECT_EQ(row(unknown).claims, 0);
  ASSERT_EQ(admin().waiting_kinds().size(), 1u);
  EXPECT_EQ(admin().waiting_kinds()[0].kind, "unknown");
}

TEST_P(WorkerRuns, OnlyTheQueuesNamedAreWorked) {
  const JobId other = enqueue({.queue = "other", .priority = 1});
  const JobId mine = enqueue({.queue = "mine"});
  QuietWorker worker{db(), handler("work", [](JobContext&) { return Outcome::done(); }), {.queues = {"mine"}}};
  ASSERT_TRUE(reaches(mine, JobState::success));
  worker->stop();
  EXPECT_EQ(row(other).claims, 0);
}

TEST_P(WorkerRuns, ConcurrencyDefaultsToTheHardwareThreads) {
  const unsigned expected = std::max(1u, std::thread::hardware_concurrency());
  std::atomic<unsigned> running{0};
  std::atomic<unsigned> peak{0};
  std::atomic<bool> open_gate{false};
  std::vector<NewJob> jobs(expected + 5, NewJob{.kind = "work"});
  const std::vector<Enqueued> made = client().enqueue_many(jobs);
  QuietWorker worker{db(), handler("work", [&](JobContext&) {
                       const unsigned now = ++running;
                       unsigned seen = peak;
                       while (seen < now && !peak.compare_exchange_weak(seen, now)) {
                       }
                       const bool opened = eventually([&] { return open_gate.load(); });
                       --running;
                       return opened ? Outcome::done() : Outcome::error("nobody opened the gate");
                     })};
  EXPECT_TRUE(eventually([&] { return running == expected; }));
  EXPECT_LE(held(), expected) << "no more claimed than can run";
  open_gate = true;
  for (const Enqueued& e : made) ASSERT_TRUE(reaches(e.id, JobState::success));
  EXPECT_EQ(peak, expected);
}

TEST_P(WorkerRuns, AQueuesLimitHoldsWithinAndBetweenWorkers) {
  use_system_clock();
  admin().create_queue("q", {.concurrency = 2});
  std::vector<NewJob> jobs(40, NewJob{.kind = "work", .options = {.queue = "q"}});
  client().enqueue_many(jobs);
  std::atomic<int> running{0};
  std::atomic<int> peak{0};
  const Handlers handlers = handler("work", [&](JobContext&) {
    const int now = ++running;
    int seen = peak;
    while (seen < now && !peak.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::yield();
    --running;
    return Outcome::done();
  });
  QuietWorker first{db(), handlers, {.concurrency = 4, .poll = 10ms}};
  QuietWorker second{another(), handlers, {.concurrency = 4, .poll = 10ms}};
  EXPECT_TRUE(eventually([&] { return admin().counts().at(JobState::success).value == jobs.size(); }));
  EXPECT_LE(peak, 2);
  EXPECT_EQ(first->stop().succeeded + second->stop().succeeded, jobs.size());
}

// So many slots that claims and writes of outcomes are made two at a time.
TEST_P(WorkerRuns, ALargeBacklogIsRunOnceEach) {
  use_system_clock();
  const std::vector<NewJob> jobs(3000, NewJob{.kind = "work"});
  for (std::size_t i = 0; i < jobs.size(); i += 1000) client().enqueue_many(std::span(jobs).subspan(i, 1000));
  std::atomic<std::uint64_t> runs{0};
  QuietWorker worker{db(), handler("work",
                                   [&](JobContext&) {
                                     ++runs;
                                     return Outcome::done();
                                   }),
                     {.concurrency = 512}};
  EXPECT_TRUE(eventually([&] { return worker->stats().succeeded == jobs.size(); }));
  const WorkerStats stats = worker->stop();
  EXPECT_EQ(runs, jobs.size());
  EXPECT_EQ(stats.claimed, jobs.size());
  EXPECT_EQ(admin().counts().at(JobState::success).value, jobs.size());
}

TEST_P(WorkerRuns, MisuseIsSaidClearly) {
  Handlers handlers = handler("work", [](JobContext&) { return Outcome::done(); });
  const auto start = [](Worker& worker) {
    return code_of([&] {
      worker.start();
      return 0;
    });
  };
  Worker worker{db(), handlers};
  worker.start();
  EXPECT_EQ(start(worker), "misuse") << "started twice";
  EXPECT_EQ(code_of([&] { return handlers.on("late", [](JobContext&) { return Outcome::done(); }); }), "misuse");
  worker.stop();
  worker.stop();
  EXPECT_EQ(start(worker), "misuse") << "started after stop";
  Worker unstarted{db(), handlers};
  unstarted.stop();
  EXPECT_EQ(start(unstarted), "misuse") << "stopped before it was started";
}

TEST_P(WorkerRuns, WithoutHandlersOrWithWrongOptionsItIsNotMade) {
  const Handlers some = handler("work", [](JobContext&) { return Outcome::done(); });
  const auto make = [&](const Handlers& handlers, WorkerOptions options) {
    return code_of([&] {
      const Worker worker{db(), handlers, std::move(options)};
      return 0;
    });
  };
  EXPECT_EQ(make(Handlers{}, {}), "invalid_argument");
  EXPECT_EQ(make(some, {.queues = {""}}), "invalid_argument");
  EXPECT_EQ(make(some, {.poll = 9ms}), "invalid_argument");
  EXPECT_EQ(make(some, {.poll = 1h + 1us}), "invalid_argument");
  EXPECT_EQ(make(some, {.sweep = 99ms}), "invalid_argument");
  EXPECT_EQ(make(some, {.sweep = 1h + 1us}), "invalid_argument");
  EXPECT_EQ(make(some, {.name = std::string(256, 'n')}), "invalid_argument");
  EXPECT_EQ(make(some, {}), "nothing thrown");
}

TEST_P(WorkerRuns, WithoutTablesItDoesNotStart) {
  Worker worker{blank(), handler("work", [](JobContext&) { return Outcome::done(); })};
  EXPECT_EQ(code_of([&] {
              worker.start();
              return 0;
            }),
            "schema");
}

TEST_P(WorkerRuns, SweepsReapAndPurge) {
  const JobId old = enqueue({.retention = 10s});
  client().success(take());
  const JobId lost = enqueue({.keepalive = 5s});
  static_cast<void>(take());
  const JobId lost_later = enqueue_kind("other", {.keepalive = 10s});
  static_cast<void>(take());
  clock().advance(5s);
  // Time stands still while the worker holds the job, or it could pass by its lease before it was begun.
  QuietWorker worker{db(), handler("work", [](JobContext&) { return Outcome::done(); })};
  EXPECT_TRUE(reaches(lost, JobState::success)) << "a worker sweeps when it starts";
  EXPECT_EQ(causes(lost), std::vector<Cause>{Cause::lease_ended});
  EXPECT_EQ(state(lost_later), JobState::running);

  const auto second_by_second = [&](const std::function<bool()>& question) {
    return eventually([&] {
      if (question()) return true;
      clock().advance(1s);
      return false;
    });
  };
  EXPECT_TRUE(second_by_second([&] { return state(lost_later) == JobState::pending; })) << "and again and again";
  EXPECT_TRUE(second_by_second([&] { return !client().find(old); }));
  EXPECT_EQ(causes(lost_later), std::vector<Cause>{Cause::lease_ended});
}

TEST_P(WorkerRuns, CompletesInTheUsersOwnTransaction) {
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  user()->execute("CREATE TABLE user_rows (n INTEGER)");
  const Handle& handle = backend().handles.front();
  Handlers handlers;
  const auto effect = [&](JobContext& job, bool commit) {
    const std::unique_ptr<UserConnection> mine = handle.open(url());
    mine->begin();
    mine->execute("INSERT INTO user_rows VALUES (1)");
    job.set_result(R"("done")");
    const bool completed = job.complete_in(mine->tx());
    if (commit && completed) {
      mine->commit();
    } else {
      mine->rollback();
    }
    return Outcome::done();
  };
  handlers.on("committed", [&](JobContext& job) { return effect(job, true); });
  handlers.on("rolled-back", [&](JobContext& job) { return effect(job, false); });
  QuietWorker worker{db(), handlers};
  const JobId good = enqueue_kind("committed", {.max_attempts = 1});
  ASSERT_TRUE(reaches(good, JobState::success));
  EXPECT_EQ(row(good).result, R"("done")");
  const JobId bad = enqueue_kind("rolled-back", {.max_attempts = 1});
  ASSERT_TRUE(reaches(bad, JobState::errored));
  EXPECT_EQ(row(bad).result, "");
  EXPECT_EQ(user()->query_int("SELECT COUNT(*) FROM user_rows"), 1);
}

TEST_P(WorkerRuns, HandlersEnqueueFollowUpWork) {
  QuietWorker worker{db(), handler("work", [](JobContext& job) {
                       if (job.job().priority > 0) {
                         job.client().enqueue(NewJob{.kind = "work", .options = {.priority = job.job().priority - 1}});
                       }
                       return Outcome::done();
                     })};
  enqueue({.priority = 10});
  EXPECT_TRUE(eventually([&] { return admin().counts().at(JobState::success).value == 11; }));
}

}  // namespace sqlq::conformance
