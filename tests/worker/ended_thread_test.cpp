// Code of the user that ends the thread it is called on: nobody else is harmed, and another thread comes.

#include <atomic>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>

#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/worker.hpp>

#include "support/recording_dialect.hpp"
#include "worker/callbacks.hpp"
#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using Code = WorkerEvent::Code;

/// The system refuses threads while it is told to.
struct Refusing {
  std::atomic<bool> refuses{false};
  [[nodiscard]] worker::ThreadStarter starter() {
    return [this](std::function<void()> body) {
      if (refuses) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
      return worker::start_thread(std::move(body));
    };
  }
};

struct EndedThread : ::testing::Test {
  using Handler = std::function<Outcome(JobContext&)>;

  /// Jobs of kind "work" are innocent; those of kind "guilty" are run by `guilty`.
  void start(Handler guilty, WorkerOptions options = {}, HandlerOptions handling = {}) {
    Handlers handlers;
    handlers.on("work", [this](JobContext&) {
      ++innocents_run;
      return Outcome::done();
    });
    handlers.on("guilty", std::move(guilty), std::move(handling));
    options.poll = 1h;
    const auto theirs = options.on_event;
    options.on_event = [this, theirs](const WorkerEvent& event) {
      threads_ended += event.code == Code::thread_ended;
      if (theirs) theirs(event);
    };
    worker.emplace(base.db, std::move(handlers), std::move(options));
    worker->start();
  }
  JobId add(const char* kind) {
    return database.add([kind](Job& job) { job.kind = kind, job.max_attempts = 5; });
  }
  void add_innocents(int n) {
    for (int i = 0; i < n; ++i) innocents.push_back(add("work"));
  }
  [[nodiscard]] int harmed() {
    int n = 0;
    for (const JobId id : innocents) {
      const Job job = database.job(id);
      n += job.state != JobState::success || job.claims != 1;
    }
    return n;
  }
  void wait_for_innocents() {
    while (innocents_run < static_cast<int>(innocents.size())) std::this_thread::yield();
  }
  void end_without_harm() {
    EXPECT_EQ(worker->stop().abandoned, 0U);
    EXPECT_EQ(harmed(), 0) << "innocent jobs";
    EXPECT_EQ(innocents_run, static_cast<int>(innocents.size()));
  }

  FakeDatabase<RecordingDialect> base;
  RecordingDialect& database = base.fake;
  std::vector<JobId> innocents;
  std::atomic<int> innocents_run{0}, threads_ended{0};
  std::optional<Worker> worker;
};

TEST_F(EndedThread, HandlersThatEndTheirThreadsCostNoSlot) {
  constexpr int ended = 20;
  for (int i = 0; i < ended; ++i) {
    add("guilty");
    add_innocents(5);
  }
  start([](JobContext&) -> Outcome { pthread_exit(nullptr); }, {.concurrency = 2});
  wait_for_innocents();
  while (threads_ended < ended) std::this_thread::yield();
  end_without_harm();
  EXPECT_EQ(threads_ended, ended);
}

TEST_F(EndedThread, AfterItAsManyJobsRunAtOnceAsBefore) {
  std::latch together(2);
  std::atomic<int> calls{0};
  for (int i = 0; i < 6; ++i) add("guilty");
  start(
      [&](JobContext&) {
        if (++calls <= 4) pthread_exit(nullptr);
        together.arrive_and_wait();
        return Outcome::done();
      },
      {.concurrency = 2});
  together.wait();
  EXPECT_EQ(worker->stop().succeeded, 2U);
}

TEST_F(EndedThread, AThreadThatIsCancelledWhileItWaitsForAJobIsReplaced) {
  std::atomic<pthread_t> thread{};
  std::atomic<int> calls{0};
  const JobId first = add("guilty");
  start(
      [&](JobContext&) {
        thread = pthread_self();
        ++calls;
        return Outcome::done();
      },
      {.concurrency = 1});
  for (int i = 1; i <= 5; ++i) {
    while (calls < i) std::this_thread::yield();
    while (database.job(first).state != JobState::success) std::this_thread::yield();
    pthread_cancel(thread);
    add_innocents(3);
    add("guilty");
    worker->wake();
    wait_for_innocents();
  }
  end_without_harm();
}

TEST_F(EndedThread, AHandlerThatIsCancelledCostsNoSlot) {
  add("guilty");
  start(
      [](JobContext&) {
        pthread_cancel(pthread_self());
        pthread_testcancel();
        return Outcome::done();
      },
      {.concurrency = 1});
  add_innocents(3);
  worker->wake();
  wait_for_innocents();
  end_without_harm();
  EXPECT_EQ(threads_ended, 1);
}

TEST_F(EndedThread, ByARetryPolicyCostsNoSlot) {
  add("guilty");
  add_innocents(10);
  start([](JobContext&) { return Outcome::error("no"); }, {.concurrency = 1},
        {.retry = RetryPolicy([](int) -> Duration { pthread_exit(nullptr); })});
  wait_for_innocents();
  while (threads_ended < 1) std::this_thread::yield();
  end_without_harm();
}

TEST_F(EndedThread, ByALogSinkThatTakesALineCostsNoSlot) {
  add("guilty");
  add_innocents(10);
  start(
      [](JobContext& job) {
        job.log().info("a line");
        return Outcome::done();
      },
      {.concurrency = 1, .log_sink = make_log_sink([](const LogLine&) { pthread_exit(nullptr); })});
  wait_for_innocents();
  while (threads_ended < 1) std::this_thread::yield();
  end_without_harm();
}

struct SinkThatEndsItsThread final : LogSink {
  void write(LogLine) override {}
  void flush() override {
    ++flushes;
    pthread_exit(nullptr);
  }
  void set_flush_hint(std::function<void()> hint) override { flush_soon = std::move(hint); }
  std::function<void()> flush_soon;
  std::atomic<int> flushes{0};
};

TEST_F(EndedThread, ByAFlushTheServiceGoesOnAndFlushesNoMore) {
  const auto sink = std::make_shared<SinkThatEndsItsThread>();
  std::latch go_on(1);
  const JobId id = add("guilty");
  add_innocents(10);
  start(
      [&](JobContext& job) {
        job.set_result("1");
        go_on.wait();
        return Outcome::done();
      },
      {.concurrency = 2, .log_sink = sink});
  while (threads_ended < 1) std::this_thread::yield();
  while (database.job(id).result != "1") {  // the same service publishes it
    sink->flush_soon();
    std::this_thread::yield();
  }
  go_on.count_down();
  wait_for_innocents();
  end_without_harm();
  EXPECT_EQ(sink->flushes, 1);
}

TEST_F(EndedThread, ByAFlushAtTheEndTheWorkerStops) {
  const auto sink = std::make_shared<SinkThatEndsItsThread>();
  add_innocents(10);
  start([](JobContext&) { return Outcome::done(); }, {.concurrency = 2, .log_sink = sink});
  wait_for_innocents();
  end_without_harm();
  EXPECT_EQ(sink->flushes, 1);
}

TEST_F(EndedThread, ByAFlushNothingOfTheWorkerStays) {
  auto sink = std::make_shared<SinkThatEndsItsThread>();
  const std::weak_ptr<LogSink> watched = sink;
  add_innocents(10);
  start([](JobContext&) { return Outcome::done(); }, {.concurrency = 2, .log_sink = sink});
  wait_for_innocents();
  while (threads_ended < 1) std::this_thread::yield();
  end_without_harm();
  worker.reset();
  sink.reset();
  EXPECT_TRUE(watched.expired());
}

TEST_F(EndedThread, ByAFlushWhileNothingCanBePublishedOnlyTheThreadEnds) {
  const auto sink = std::make_shared<SinkThatEndsItsThread>();
  Services s(1, {}, {.log_sink = sink});
  s.database.add();
  s.runtime.interims.set_result(s.claim_one(), "1");
  s.database.broken = {"publish"};
  bool returned = false;
  std::thread([&] {
    s.runtime.log_shipper.step();
    returned = true;
  }).join();
  EXPECT_FALSE(returned);
  EXPECT_EQ(sink->flushes, 1);
  s.database.broken.clear();
  s.runtime.log_shipper.step();
  EXPECT_EQ(s.database.published.size(), 1U);
  EXPECT_EQ(sink->flushes, 1);
}

TEST_F(EndedThread, ByOnEventTheNextEventsAreToldOnOthers) {
  constexpr int events = 10;
  std::atomic<int> told{0};
  for (int i = 0; i < events; ++i) add("guilty");
  add_innocents(10);
  start([](JobContext&) { return Outcome::error("no"); },
        {.concurrency = 1,
         .on_event =
             [&](const WorkerEvent& event) {
               if (event.message.find("the retry policy") == std::string::npos) return;
               ++told;
               pthread_exit(nullptr);
             }},
        {.retry = RetryPolicy([](int) -> Duration { throw std::runtime_error("no"); })});
  wait_for_innocents();
  while (told < events) std::this_thread::yield();
  end_without_harm();
  EXPECT_EQ(told, events);
}

TEST_F(EndedThread, ThreadsOfCallbacksAreNotCancelled) {
  const auto callbacks = std::make_shared<worker::Callbacks>(system_clock());
  callbacks->start(1);
  std::atomic<int> made{0};
  for (int i = 0; i < 3; ++i) {
    callbacks->post([&] {
      pthread_cancel(pthread_self());
      pthread_testcancel();
      ++made;
    });
  }
  EXPECT_TRUE(callbacks->close(SteadyPoint::max()));
  EXPECT_EQ(made, 3);
}

TEST_F(EndedThread, WhereTheSystemRefusesAThreadTheNextCallTriesAgain) {
  Refusing system;
  const auto callbacks = std::make_shared<worker::Callbacks>(system_clock());
  callbacks->start(1, system.starter());
  std::atomic<int> made{0};
  std::latch ends(1);
  system.refuses = true;
  callbacks->post([&] {
    ends.wait();
    pthread_exit(nullptr);
  });
  callbacks->post([&] { ++made; });
  ends.count_down();
  while (callbacks->fill()) std::this_thread::yield();  // until the thread is gone
  EXPECT_EQ(made, 0);
  system.refuses = false;
  EXPECT_TRUE(callbacks->fill());
  callbacks->post([&] { ++made; });
  EXPECT_TRUE(callbacks->close(SteadyPoint::max()));
  EXPECT_EQ(made, 2);
}

// Each in turn: the worker has one slot less, says so, and takes the thread as soon as there is one.
TEST_F(EndedThread, AWorkerToWhichTheSystemRefusesThreadsSaysHowManyAreLeftAndTriesAgain) {
  Refusing system;
  std::atomic<int> calls{0};
  Services s(2, [&](JobContext&) -> Outcome {
    if (++calls <= 2) pthread_exit(nullptr);
    return Outcome::done();
  });
  worker::Runtime& r = s.runtime;
  worker::ExecutorPool pool(r.shared, r.executor, r.fetcher, r.watchdog, system.starter());
  pool.start(2, nullptr);  // join waits for all of its threads, so there is nothing to keep
  EXPECT_EQ(r.watchdog.step(), SteadyPoint::max());
  system.refuses = true;
  for (std::size_t left = 2; left-- > 0;) {
    s.database.add();
    r.fetcher.step();
    while (r.shared.slots.used() > 0) std::this_thread::yield();
    EXPECT_EQ(r.shared.slots.capacity(), left);
    EXPECT_EQ(r.watchdog.step(), s.in(1s));
  }
  s.database.add();
  EXPECT_EQ(r.fetcher.step(), SteadyPoint::max()) << "there is nobody to run it";
  EXPECT_EQ(r.shared.ready.empty(), true);
  r.maintenance.step();
  system.refuses = false;
  EXPECT_EQ(r.watchdog.step(), SteadyPoint::max());
  EXPECT_EQ(r.shared.slots.free(), 2U);
  r.fetcher.step();
  while (calls < 3) std::this_thread::yield();
  r.shared.ready.close();
  pool.join();
  EXPECT_TRUE(s.reported("1 of 2 executors are left"));
  EXPECT_TRUE(s.reported("0 of 2 executors are left"));
  EXPECT_TRUE(s.reported("the system refuses new threads"));
  EXPECT_TRUE(s.reported("2 of 2 executors are there again"));
}

}  // namespace
}  // namespace sqlq::testing
