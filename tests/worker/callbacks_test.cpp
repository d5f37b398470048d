// What the user gave us to call runs on threads of its own: it may take any time, and nobody else is late for it.

#include <atomic>
#include <latch>
#include <mutex>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/worker.hpp>

#include "support/recording_dialect.hpp"
#include "worker/callbacks.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using worker::Callbacks;

struct CallbacksTest : ::testing::Test {
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::shared_ptr<Callbacks> callbacks = std::make_shared<Callbacks>(clock);
};

TEST_F(CallbacksTest, BeforeTheStartACallIsMadeAtOnce) {
  int calls = 0;
  callbacks->post([&] { ++calls; });
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(callbacks->close(clock->steady()));
  callbacks->post([&] { ++calls; });
  EXPECT_EQ(calls, 1) << "nothing is called after the end";
}

TEST_F(CallbacksTest, ACallThatDoesNotReturnDelaysNoOther) {
  callbacks->start(3);
  std::latch release(1), others(2);
  callbacks->post([&] { release.wait(); });
  callbacks->post([&] {
    others.count_down();
    release.wait();
  });
  callbacks->post([&] { others.count_down(); });
  others.wait();
  release.count_down();
  EXPECT_TRUE(callbacks->close(SteadyPoint::max()));
}

TEST_F(CallbacksTest, OneThreadMakesThemInOrderAndDropsWhatTheyThrow) {
  callbacks->start(1);
  std::vector<int> made;
  for (int i = 0; i < 100; ++i) {
    callbacks->post([&made, i] {
      made.push_back(i);
      throw i;
    });
  }
  EXPECT_TRUE(callbacks->close(SteadyPoint::max()));
  ASSERT_EQ(made.size(), 100U);
  EXPECT_TRUE(std::is_sorted(made.begin(), made.end()));
}

TEST_F(CallbacksTest, TheEndWaitsUntilItsDeadlineAndNoLonger) {
  callbacks->start(1);
  struct Latches {
    std::latch begun{1}, release{1};
  };
  const auto latches = std::make_shared<Latches>();  // of the thread, too, whose end nobody waits for
  std::atomic<int> later{0};
  callbacks->post([latches] {
    latches->begun.count_down();
    latches->release.wait();
  });
  latches->begun.wait();
  callbacks->post([&] { ++later; });
  EXPECT_FALSE(callbacks->close(clock->steady()));
  const std::weak_ptr<Callbacks> kept = std::exchange(callbacks, nullptr);
  EXPECT_FALSE(kept.expired()) << "its thread needs it";
  latches->release.count_down();
  while (!kept.expired()) std::this_thread::yield();
  EXPECT_EQ(later, 0);
}

// Leases of 3 s on a clock of ours: each step brings another heartbeat, or the test waits for ever.
struct SlowCallbacks : ::testing::Test {
  static constexpr unsigned innocents = 5;

  void start(std::function<void(const WorkerEvent&)> on_event, std::function<void(JobContext&)> guilty) {
    bad = add_guilty();
    for (unsigned i = 0; i < innocents; ++i) database.add([](Job& job) { job.keepalive = 3s; });
    Handlers handlers;
    handlers.on("work", [this, guilty](JobContext& job) {
      const bool slow = job.job().params == "\"guilty\"";
      ++running;
      if (slow) {
        guilty(job);
      } else {
        end.wait();
        harmed += job.stop_token().stop_requested();
      }
      return Outcome::done();
    });
    worker.emplace(base.db, handlers,
                   WorkerOptions{.concurrency = innocents + guilty_jobs,
                                 .poll = 1h,
                                 .sweep = 1h,
                                 .on_event = std::move(on_event)});
    worker->start();
    while (running < innocents + guilty_jobs) std::this_thread::yield();
  }
  JobId add_guilty() {
    ++guilty_jobs;
    return database.add([](Job& job) { job.keepalive = 3s, job.params = "\"guilty\""; });
  }
  /// So much time that leases which nobody renews end several times.
  void let_leases_be_renewed() {
    for (int i = 0; i < 20; ++i) {
      const std::size_t before = database.beats();
      clock->advance(1s);
      while (database.beats() == before) std::this_thread::yield();
    }
  }
  std::uint64_t stop() {
    end.count_down();
    release.count_down();
    worker->stop();
    return harmed;
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  FakeDatabase<RecordingDialect> base{DatabaseOptions{.clock = clock}};
  RecordingDialect& database = base.fake;
  JobId bad{};
  unsigned guilty_jobs = 0;
  std::atomic<unsigned> running{0};
  std::latch blocked{1}, release{1}, end{1};
  std::atomic<std::uint64_t> harmed{0};
  std::optional<Worker> worker;
};

TEST_F(SlowCallbacks, AStopCallbackThatTakesLongEndsNobodysLease) {
  start([](const WorkerEvent&) {}, [this](JobContext& job) {
    const sqlq::stop_callback slow(job.stop_token(), [this] {
      blocked.count_down();
      release.wait();
    });
    release.wait();
  });
  Client(base.db).cancel(bad);
  database.hint();
  blocked.wait();
  let_leases_be_renewed();
  EXPECT_EQ(stop(), 0U) << "innocent jobs that were stopped";
}

TEST_F(SlowCallbacks, AnEventCallbackThatTakesLongEndsNobodysLease) {
  start(
      [this](const WorkerEvent& event) {
        if (event.code != WorkerEvent::Code::lease_lost || event.job != bad) return;
        blocked.count_down();
        release.wait();
      },
      [this](JobContext&) { release.wait(); });
  database.steal(bad);
  clock->advance(1s);
  blocked.wait();
  let_leases_be_renewed();
  EXPECT_EQ(stop(), 0U) << "innocent jobs that were stopped";
}

TEST_F(SlowCallbacks, AStopCallbackThatTakesLongKeepsNobodyElsesTokenFromBeingTripped) {
  const JobId other = add_guilty();
  std::latch told(1);
  start([](const WorkerEvent&) {}, [&](JobContext& job) {
    const sqlq::stop_callback slow(job.stop_token(), [&, first = job.id() == bad] {
      if (!first) return told.count_down();
      blocked.count_down();
      release.wait();
    });
    release.wait();
  });
  Client(base.db).cancel(bad);
  database.hint();
  blocked.wait();
  Client(base.db).cancel(other);
  clock->advance(1s);
  database.hint();
  told.wait();
  EXPECT_EQ(stop(), 0U);
}

}  // namespace
}  // namespace sqlq::testing
