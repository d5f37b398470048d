#pragma once
/// \file
/// A whole worker, threads and all, on a dialect that records its calls.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include <gtest/gtest.h>

#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/worker.hpp>

#include "support/recording_dialect.hpp"

namespace sqlq::testing {

using Handler = std::function<Outcome(JobContext&)>;

inline Handlers handle(Handler handler) {
  Handlers handlers;
  handlers.on("work", std::move(handler));
  return handlers;
}

inline Outcome do_nothing(JobContext&) { return Outcome::done(); }

/// Waits until the job's stop token is tripped, as a well-behaved handler would.
inline void wait_for_stop(JobContext& job) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, job.stop_token(), [] { return false; });
}

inline WorkerOptions quiet(unsigned concurrency = 1) {
  return {.concurrency = concurrency,
          .poll = std::chrono::hours(1),
          .grace = Duration(0),
          .on_event = [](const WorkerEvent&) {}};
}

struct WorkerTest : ::testing::Test {
  FakeDatabase<RecordingDialect> base;
  RecordingDialect& database = base.fake;
};

/// Time passes as fast as the test can turn the hands.
struct WorkerInTime : ::testing::Test {
  /// A breath between the steps: without it the stepping thread starves those that it wakes.
  void advance_until(const std::atomic<bool>& flag, Duration step = std::chrono::milliseconds(100)) {
    const auto real = system_clock();
    const auto breath = real->make_signal();
    while (!flag) {
      clock->advance(step);
      breath->wait_until(real->steady() + std::chrono::microseconds(200));
    }
  }
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  FakeDatabase<RecordingDialect> base{DatabaseOptions{.clock = clock}};
  RecordingDialect& database = base.fake;
};

}  // namespace sqlq::testing
