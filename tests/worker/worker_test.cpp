#include <atomic>
#include <condition_variable>
#include <future>
#include <latch>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/worker.hpp>

#include "support/expect_error.hpp"
#include "support/recording_dialect.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

using Handler = std::function<Outcome(JobContext&)>;

Handlers handle(Handler handler) {
  Handlers handlers;
  handlers.on("work", std::move(handler));
  return handlers;
}

Outcome do_nothing(JobContext&) { return Outcome::done(); }

/// Waits until the job's stop token is tripped, as a well-behaved handler would.
void wait_for_stop(JobContext& job) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, job.stop_token(), [] { return false; });
}

WorkerOptions quiet(unsigned concurrency = 1) {
  return {.concurrency = concurrency, .poll = 1h, .grace = 0ms, .on_event = [](const WorkerEvent&) {}};
}

struct WorkerTest : ::testing::Test {
  FakeDatabase<RecordingDialect> base;
  RecordingDialect& database = base.fake;
};

/// Time passes as fast as the test can turn the hands.
struct WorkerInTime : ::testing::Test {
  /// A breath between the steps: without it the stepping thread starves those that it wakes.
  void advance_until(const std::atomic<bool>& flag, Duration step = 100ms) {
    const auto real = system_clock();
    const auto breath = real->make_signal();
    while (!flag) {
      clock->advance(step);
      breath->wait_until(real->steady() + 200us);
    }
  }
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  FakeDatabase<RecordingDialect> base{DatabaseOptions{.clock = clock}};
  RecordingDialect& database = base.fake;
};

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

// ------------------------------------------------------------------------------------------------- working

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

// ------------------------------------------------------------------------------------------------- stopping

TEST_F(WorkerTest, RunWorksUntilTheTokenIsTripped) {
  std::stop_source stop;
  const JobId id = database.add();
  Worker worker(base.db, handle([&](JobContext&) {
                  stop.request_stop();
                  return Outcome::done();
                }),
                quiet());
  EXPECT_EQ(worker.run(stop.get_token()).claimed, 1U);
  EXPECT_NE(database.job(id).state, JobState::running);
  EXPECT_FALSE(database.subscribed());
}

TEST_F(WorkerTest, RunEndsWhenSomebodyElseStopsTheWorker) {
  std::latch ran(1);
  database.add();
  Worker worker(base.db, handle([&](JobContext&) {
                  ran.count_down();
                  return Outcome::done();
                }),
                quiet());
  std::jthread other([&] {
    ran.wait();
    worker.stop(1h);
  });
  EXPECT_EQ(worker.run({}).succeeded, 1U);
}

TEST_F(WorkerTest, JobsInterruptedByStopAreReleasedWithTheirAttempt) {
  std::latch running(2);
  const JobId a = database.add();
  const JobId b = database.add();
  WorkerOptions options = quiet(2);
  options.grace = 1h;
  Worker worker(base.db, handle([&](JobContext& job) -> Outcome {
                  running.count_down();
                  wait_for_stop(job);
                  EXPECT_EQ(job.stop_reason(), StopReason::shutdown);
                  throw std::runtime_error("interrupted");
                }),
                options);
  worker.start();
  running.wait();
  const WorkerStats stats = worker.stop(0s);
  EXPECT_EQ(stats.released, 2U);
  EXPECT_EQ(stats.abandoned, 0U);
  for (const JobId id : {a, b}) {
    EXPECT_EQ(database.job(id).state, JobState::pending);
    EXPECT_EQ(database.job(id).attempt, 0);
  }
}

TEST_F(WorkerInTime, RunningJobsMayFinishDuringTheDrain) {
  std::latch running(1);
  std::promise<void> go_on;
  std::atomic<bool> interrupted{false};
  database.add();
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  go_on.get_future().wait();
                  interrupted = job.stop_token().stop_requested();
                  return Outcome::done();
                }),
                quiet());
  worker.start();
  running.wait();
  std::jthread stopping([&] { EXPECT_EQ(worker.stop(20s).succeeded, 1U); });
  clock->advance(19s);
  go_on.set_value();
  stopping.join();
  EXPECT_FALSE(interrupted);
}

TEST_F(WorkerInTime, AfterTheDrainTheTokensAreTripped) {
  std::latch running(1);
  std::atomic<bool> told{false};
  const JobId id = database.add([](Job& job) { job.keepalive = 1h; });
  WorkerOptions options = quiet();
  options.grace = 1h;
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  wait_for_stop(job);
                  told = true;
                  return Outcome::error(std::string(to_string(job.stop_reason())));
                }),
                options);
  worker.start();
  running.wait();
  std::jthread stopping([&] { EXPECT_EQ(worker.stop({.limit = 2h, .drain = 30s}).released, 1U); });
  advance_until(told);
  stopping.join();
  EXPECT_EQ(database.messages.back(), "shutdown");
  EXPECT_EQ(database.job(id).state, JobState::pending);
}

TEST_F(WorkerTest, AHandlerThatIgnoresItsTokenIsAbandoned) {
  std::latch running(1);
  std::latch end(1);
  std::latch gone(1);
  const JobId id = database.add();
  std::vector<std::string> events;
  {
    WorkerOptions options = quiet();
    options.on_event = [&](const WorkerEvent& event) { events.push_back(event.message); };
    const std::shared_ptr<void> last(nullptr, [&](void*) { gone.count_down(); });
    Worker worker(base.db, handle([&, last](JobContext&) {
                    running.count_down();
                    end.wait();
                    return Outcome::done();
                  }),
                  options);
    worker.start();
    running.wait();
    const WorkerStats stats = worker.stop(0s);
    EXPECT_EQ(stats.abandoned, 1U);
    EXPECT_EQ(stats.released, 1U);
    EXPECT_EQ(events.back(), "the handler ignored its stop token and is left behind");
  }
  EXPECT_EQ(database.job(id).state, JobState::pending);
  end.count_down();
  gone.wait();
  EXPECT_EQ(database.job(id).state, JobState::pending) << "what it said later is dropped";
  EXPECT_EQ(database.finishes.size(), 1U);
}

// Its limit is 2 s, though grace alone is 5 s.
TEST_F(WorkerInTime, AStopHasOneLimit) {
  std::atomic<bool> running{false}, told{false};
  std::latch end(1);
  database.add([](Job& job) { job.keepalive = 1h; });
  WorkerOptions options = quiet();
  options.grace = 5s;
  Worker worker(base.db, handle([&](JobContext& job) {
                  running = true;
                  wait_for_stop(job);
                  told = true;
                  end.wait();  // deaf from here on
                  return Outcome::done();
                }),
                options);
  worker.start();
  advance_until(running, 0ms);
  std::jthread stopping([&] { EXPECT_EQ(worker.stop(2s).abandoned, 1U); });
  advance_until(told);
  clock->advance(2s);  // and no more: a stop that needs longer never returns
  stopping.join();
  end.count_down();
}

TEST_F(WorkerInTime, AStopWithoutDrainTripsTheTokensAtOnce) {
  std::latch running(1);
  database.add();
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  wait_for_stop(job);
                  return Outcome::error("interrupted");
                }),
                quiet());
  worker.start();
  running.wait();
  EXPECT_EQ(worker.stop({.limit = 1h, .drain = 0s}).released, 1U) << "no time has passed";
}

TEST_F(WorkerInTime, ASecondStopHastensTheFirst) {
  std::latch running(1);
  database.add();
  WorkerOptions options = quiet();
  options.grace = 1h;
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  wait_for_stop(job);
                  return Outcome::error("interrupted");
                }),
                options);
  worker.start();
  running.wait();
  std::jthread patient([&] { EXPECT_EQ(worker.stop({.limit = 2h, .drain = 2h}).released, 1U); });
  EXPECT_EQ(worker.stop({.limit = 1h, .drain = 0s}).released, 1U) << "no time has passed";
}

TEST_F(WorkerTest, AStopRefusesNegativeTimes) {
  Worker worker(base.db, handle(do_nothing), quiet());
  error_of(Errc::invalid_argument, [&] { worker.stop(-1s); });
  error_of(Errc::invalid_argument, [&] { worker.stop({.drain = -1s}); });
}

// Every call to the database waits for an answer that does not come.
TEST_F(WorkerInTime, AStopReturnsThoughTheNetworkIsSilent) {
  std::latch answer(1);
  std::atomic<bool> asked{false}, stopped{false};
  const JobId id = database.add();
  database.during_claim = [&] {
    asked = true;
    answer.wait();
  };
  {
    WorkerOptions options = quiet();
    options.grace = 5s;
    Worker worker(base.db, handle(do_nothing), options);
    worker.start();
    advance_until(asked, 0ms);
    std::jthread stopping([&] {
      EXPECT_EQ(worker.stop(2s).claimed, 0U);
      stopped = true;
    });
    advance_until(stopped);
  }
  answer.count_down();
  const auto given_back = [&] { return database.job(id).claims == 1 && database.job(id).state == JobState::pending; };
  while (!given_back()) std::this_thread::yield();
  EXPECT_EQ(database.job(id).attempt, 0) << "what the claim brought so late went back";
}

TEST_F(WorkerTest, StopReturnsThoughTheDatabaseIsAway) {
  std::latch running(1);
  std::promise<void> away;
  std::vector<std::string> events;
  database.add();
  WorkerOptions options = quiet();
  options.on_event = [&](const WorkerEvent& event) { events.push_back(event.message); };
  Worker worker(base.db, handle([&](JobContext& job) {
                  running.count_down();
                  away.get_future().wait();
                  job.log().info("written to nobody");
                  return Outcome::done();
                }),
                options);
  worker.start();
  running.wait();
  database.away = true;
  away.set_value();
  const WorkerStats stats = worker.stop(1h);
  EXPECT_EQ(stats.succeeded, 0U);
  // Each service tells its own end; between the two any of them may still report the failure it met before.
  EXPECT_EQ(std::count(events.begin(), events.end(),
                       "stopped without writing 1 outcomes; their jobs come back when their leases end"),
            1);
  EXPECT_EQ(std::count(events.begin(), events.end(), "stopped without writing all log lines: the database is away"), 1);
}

TEST_F(WorkerTest, StopWritesOutcomesAndLogs) {
  std::latch running(1);
  database.add();
  Worker worker(base.db, handle([&](JobContext& job) {
                  job.log().info("one");
                  running.count_down();
                  return Outcome::done();
                }),
                quiet());
  worker.start();
  running.wait();
  EXPECT_EQ(worker.stop(1h).succeeded, 1U);
  EXPECT_EQ(database.logs.size(), 1U);
}

}  // namespace
}  // namespace sqlq::testing
