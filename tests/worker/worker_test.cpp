// How a worker is started, and how it works.

#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include <sqlq/worker.hpp>

#include "support/expect_error.hpp"
#include "worker/worker_fixture.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

// ------------------------------------------------------------------------------------------------- misuse

TEST_F(WorkerTest, StartsOnce) {
  Worker worker(base.db, handle(do_nothing), quiet());
  worker.start();
  EXPECT_TRUE(has(error_of(Errc::misuse, [&] { worker.start(); }), "started before"));
  worker.stop();
  EXPECT_TRUE(has(error_of(Errc::misuse, [&] { worker.start(); }), "stopped"));
  EXPECT_TRUE(has(error_of(Errc::misuse, [&] { (void)worker.run({}); }), "stopped"));
}

TEST_F(WorkerTest, StopIsAllowedBeforeStartAndTwice) {
  Worker worker(base.db, handle(do_nothing), quiet());
  EXPECT_EQ(worker.stop().claimed, 0U);
  worker.stop();
  error_of(Errc::misuse, [&] { worker.start(); });
}

TEST_F(WorkerTest, HandlersCannotBeAddedAfterTheStart) {
  Handlers handlers = handle(do_nothing);
  Worker worker(base.db, handlers, quiet());
  handlers.on("before", do_nothing);
  worker.start();
  EXPECT_TRUE(has(error_of(Errc::misuse, [&] { handlers.on("late", do_nothing); }), "'late'"));
}

TEST_F(WorkerTest, NeedsAHandlerAndSaneOptions) {
  error_of(Errc::invalid_argument, [&] { Worker(base.db, Handlers()); });
  for (const WorkerOptions& wrong : {WorkerOptions{.poll = 1ms}, WorkerOptions{.poll = 2h}, WorkerOptions{.sweep = 1ms},
                                     WorkerOptions{.drain_timeout = -1s}, WorkerOptions{.grace = -1s},
                                     WorkerOptions{.queues = {""}}, WorkerOptions{.concurrency = 5000},
                                     WorkerOptions{.name = std::string(256, 'x')}}) {
    error_of(Errc::invalid_argument, [&] { Worker(base.db, handle(do_nothing), wrong); });
  }
}

TEST_F(WorkerTest, ChecksWhatItsHandlersEnqueueWith) {
  for (const auto& wrong : std::vector<std::pair<ClientOptions, std::string>>{
           {{.queue = ""}, "the queue name"},
           {{.max_attempts = 0}, "max_attempts"},
           {{.max_crashes = 0}, "max_crashes"},
           {{.keepalive = 0s}, "keepalive"},
           {{.retention = -1s}, "retention"}}) {
    const std::string said = error_of(
        Errc::invalid_argument, [&] { Worker(base.db, handle(do_nothing), {.client = wrong.first}); });
    EXPECT_TRUE(has(said, "WorkerOptions::client: " + wrong.second)) << said;
  }
}

TEST_F(WorkerTest, CanBeStartedOnceTheSchemaIsThere) {
  database.status = {.current = 0, .latest = 1};
  base.db.recheck();
  Worker worker(base.db, handle(do_nothing), quiet());
  error_of(Errc::schema, [&] { worker.start(); });
  database.status = {.current = 1, .latest = 1};
  worker.start();
}

TEST(Handlers, RefusesWhatMakesNoSense) {
  Handlers handlers = handle(do_nothing);
  error_of(Errc::misuse, [&] { handlers.on("work", do_nothing); });
  error_of(Errc::invalid_argument, [&] { handlers.on("", do_nothing); });
  error_of(Errc::invalid_argument, [&] { handlers.on("empty", Handlers::Function()); });
  error_of(Errc::invalid_argument, [&] { handlers.on("timeout", do_nothing, {.timeout = -1s}); });
  handlers.on("another", do_nothing);
  EXPECT_EQ(handlers.kinds(), (std::vector<std::string>{"another", "work"}));
  EXPECT_EQ(handlers.find("nobody"), nullptr);
}

TEST(Handlers, AKindHasOneHandlerOfEitherSortAndSaneBatches) {
  const auto rows = [](BatchContext&) {};
  Handlers handlers = handle(do_nothing);
  expect_error(Errc::misuse, "'work' is registered twice", [&] { handlers.batch("work", {}, rows); });
  handlers.batch("row", {.size = 4096, .linger = 1min}, rows);
  error_of(Errc::misuse, [&] { handlers.on("row", do_nothing); });
  error_of(Errc::misuse, [&] { handlers.batch("row", {}, rows); });
  error_of(Errc::invalid_argument, [&] { handlers.batch("", {}, rows); });
  for (const BatchOptions wrong :
       {BatchOptions{.size = 0}, BatchOptions{.size = 4097}, BatchOptions{.linger = -1us},
        BatchOptions{.linger = 1min + 1us}}) {
    expect_error(Errc::invalid_argument, "'other'", [&] { handlers.batch("other", wrong, rows); });
  }
  error_of(Errc::invalid_argument, [&] { handlers.batch("other", {}, rows, {.timeout = -1s}); });
  error_of(Errc::invalid_argument, [&] { handlers.batch("other", {}, std::function<void(BatchContext&)>()); });
  EXPECT_EQ(handlers.kinds(), (std::vector<std::string>{"row", "work"}));
  EXPECT_EQ(handlers.find("row")->batch->options.size, 4096U);
  EXPECT_EQ(handlers.find("work")->batch, nullptr);
  handlers.freeze();
  error_of(Errc::misuse, [&] { handlers.batch("late", {}, rows); });
}

TEST_F(WorkerTest, HasASlotForEachJobOfABatch) {
  Handlers handlers;
  handlers.batch("row", {.size = 200}, [](BatchContext&) {});
  expect_error(Errc::invalid_argument, "a batch handler wants 200 jobs at once",
               [&] { Worker(base.db, handlers, quiet(199)); });
  Worker(base.db, handlers, quiet(200));
  Worker(base.db, handlers);
}

TEST(Handlers, OfAnyKindStandsInForThoseThatAreMissing) {
  Handlers handlers;
  EXPECT_FALSE(handlers.any());
  error_of(Errc::invalid_argument, [&] { handlers.on_any(Handlers::Function()); });
  error_of(Errc::invalid_argument, [&] { handlers.on_any(do_nothing, {.timeout = -1s}); });
  EXPECT_FALSE(handlers.any());
  handlers.on("known", do_nothing, {.timeout = 1s}).on_any(do_nothing, {.timeout = 2s});
  error_of(Errc::misuse, [&] { handlers.on_any(do_nothing); });
  EXPECT_TRUE(handlers.any());
  EXPECT_EQ(handlers.kinds(), std::vector<std::string>{"known"});
  EXPECT_EQ(handlers.find("known")->options.timeout, 1s);
  EXPECT_EQ(handlers.find("nobody")->options.timeout, 2s);
  handlers.freeze();
  EXPECT_TRUE(has(error_of(Errc::misuse, [&] { Handlers(handlers).on_any(do_nothing); }), "any kind"));
}

// ------------------------------------------------------------------------------------------------- working

TEST_F(WorkerTest, OfAnyKindRunsJobsOfAllKinds) {
  std::mutex mutex;
  std::vector<std::string> own, others;
  std::latch done(3);
  for (const char* kind : {"work", "unheard-of", "new"}) database.add([&](Job& job) { job.kind = kind; });
  const auto note = [&](std::vector<std::string>& list) {
    return [&](JobContext& job) {
      const std::lock_guard lock(mutex);
      list.push_back(job.job().kind);
      done.count_down();
    };
  };
  Handlers handlers;
  handlers.on("work", note(own)).on_any(note(others));
  Worker worker(base.db, handlers, quiet(1));
  worker.start();
  done.wait();
  EXPECT_EQ(worker.stop().succeeded, 3U);
  EXPECT_EQ(own, std::vector<std::string>{"work"});
  EXPECT_EQ(others, (std::vector<std::string>{"unheard-of", "new"}));
}

TEST_F(WorkerTest, ClaimsNoMoreJobsThanItMay) {
  std::latch done(3);
  for (int i = 0; i < 10; ++i) database.add();
  WorkerOptions options = quiet(8);
  options.max_jobs = 3;
  Worker worker(base.db, handle([&](JobContext&) {
                  done.count_down();
                  return Outcome::done();
                }),
                options);
  worker.start();
  done.wait();
  worker.wake();
  const WorkerStats stats = worker.stop();
  EXPECT_EQ(stats.claimed, 3U);
  EXPECT_EQ(stats.succeeded, 3U);
  EXPECT_EQ(stats.ended(), 3U);
}

TEST_F(WorkerTest, RunsEveryJobOnce) {
  std::atomic<int> runs{0};
  std::latch done(500);
  for (int i = 0; i < 500; ++i) database.add();
  Worker worker(base.db, handle([&](JobContext&) {
                  ++runs;
                  done.count_down();
                  return Outcome::done();
                }),
                quiet(4));
  worker.start();
  done.wait();
  const WorkerStats stats = worker.stop();
  EXPECT_EQ(runs, 500);
  EXPECT_EQ(stats.claimed, 500U);
  EXPECT_EQ(stats.succeeded, 500U);
  EXPECT_EQ(worker.stop().succeeded, 500U) << "the summary stays";
}

TEST_F(WorkerTest, HandlersThatThrowHarmNobodyElse) {
  std::latch done(100);
  for (int i = 0; i < 100; ++i) database.add();
  Worker worker(base.db, handle([&](JobContext&) -> Outcome {
                  const auto left = [&] { done.count_down(); };
                  static std::atomic<int> turn{0};
                  left();
                  switch (++turn % 4) {
                    case 0: throw 42;
                    case 1: throw std::runtime_error("no");
                    case 2: throw Discard("never");
                    default: return Outcome::done();
                  }
                }),
                quiet(4));
  worker.start();
  done.wait();
  const WorkerStats stats = worker.stop();
  EXPECT_EQ(stats.succeeded, 25U);
  EXPECT_EQ(stats.failed, 50U);
  EXPECT_EQ(stats.discarded, 25U);
}

TEST_F(WorkerTest, AHintBringsItToWorkAtOnce) {
  std::latch ran(1);
  Worker worker(base.db, handle([&](JobContext&) {
                  ran.count_down();
                  return Outcome::done();
                }),
                quiet());
  worker.start();
  database.add();
  database.hint();
  ran.wait();
}

TEST_F(WorkerTest, WakeLooksForWork) {
  std::latch ran(1);
  Worker worker(base.db, handle([&](JobContext&) {
                  ran.count_down();
                  return Outcome::done();
                }),
                quiet());
  worker.start();
  database.add();
  worker.wake();
  ran.wait();
}

TEST_F(WorkerTest, ACancellationReachesARunningJobByAHint) {
  std::latch running(1);
  std::promise<StopReason> reason;
  const JobId id = database.add();
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  wait_for_stop(job);
                  reason.set_value(job.stop_reason());
                  return Outcome::error("stopped");
                }),
                quiet());
  worker.start();
  running.wait();
  Client(base.db).cancel(id);
  database.hint();
  EXPECT_EQ(reason.get_future().get(), StopReason::cancel);
  EXPECT_EQ(worker.stop().cancelled, 1U);
  EXPECT_EQ(database.job(id).state, JobState::cancelled);
}

TEST_F(WorkerTest, ACallbackThatThrowsHarmsNobody) {
  database.broken = {"reap", "purge"};
  std::latch ran(1);
  database.add();
  WorkerOptions options = quiet();
  options.on_event = [](const WorkerEvent&) { throw 42; };
  Worker worker(base.db, handle([&](JobContext&) {
                  ran.count_down();
                  return Outcome::done();
                }),
                options);
  worker.start();
  ran.wait();
  EXPECT_EQ(worker.stop().succeeded, 1U);
}

TEST_F(WorkerInTime, ClaimsAgainWithinTenSecondsAfterTheDatabaseWasAway) {
  database.away = true;
  std::atomic<int> failures{0};
  std::promise<void> ran;
  database.add();
  WorkerOptions options = quiet();
  options.on_event = [&](const WorkerEvent& event) {
    if (event.service != "fetcher" || event.level == WorkerEvent::Level::info) return;
    ++failures;
    failures.notify_one();
  };
  Worker worker(base.db, handle([&](JobContext&) {
                  ran.set_value();
                  return Outcome::done();
                }),
                options);
  worker.start();
  for (int failed = 0; failed < 10; ++failed) {  // long enough for the longest back-off
    failures.wait(failed);
    if (failed < 9) clock->advance(10s);
  }
  database.away = false;
  clock->advance(10s);
  ran.get_future().wait();
}

}  // namespace
}  // namespace sqlq::testing
