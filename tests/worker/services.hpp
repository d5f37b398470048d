#pragma once
/// \file
/// The services of a worker on a manual clock and a dialect that records their calls, stepped by hand.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/testing/manual_clock.hpp>

#include "support/recording_dialect.hpp"
#include "worker/runtime.hpp"

namespace sqlq::testing {

/// `handler` runs the jobs of kind "work".
struct Services {
  using Handler = std::function<Outcome(JobContext&)>;

  explicit Services(unsigned concurrency = 4, Handler handler = {}, WorkerOptions options = {},
                    HandlerOptions handling = {})
      : runtime(base.db, table(std::move(handler), std::move(handling)), filled(std::move(options), concurrency)) {
    runtime.shared.freeze_handlers();
  }

  /// Claims what there is room for and runs it on this thread; outcomes wait for the completer.
  std::size_t fetch_and_run() {
    runtime.fetcher.step();
    return run_all();
  }
  /// Runs the next job that was claimed; false when none waits.
  bool run_one() {
    const auto lease = runtime.shared.ready.try_take();
    if (lease) runtime.executor.deliver(*lease, runtime.executor.run(*lease));
    return lease.has_value();
  }
  /// Runs all of them; says how many.
  std::size_t run_all() {
    std::size_t ran = 0;
    while (run_one()) ++ran;
    return ran;
  }
  /// The same, and writes the outcomes.
  std::size_t work() {
    const std::size_t ran = fetch_and_run();
    while (runtime.completer.step() != SteadyPoint::max()) {
    }
    runtime.follow_ups.step();
    return ran;
  }
  /// Claims one job and leaves it queued.
  worker::HeldPtr claim_one() {
    runtime.fetcher.step();
    return runtime.shared.in_flight.snapshot().at(0);
  }
  [[nodiscard]] SteadyPoint in(Duration time) const { return clock->steady() + time; }
  [[nodiscard]] WorkerStats stats() const { return runtime.shared.stats(); }
  [[nodiscard]] bool reported(const std::string& part) const {
    for (const WorkerEvent& event : events) {
      if (event.message.find(part) != std::string::npos) return true;
    }
    return false;
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::vector<WorkerEvent> events{};
  FakeDatabase<RecordingDialect> base{DatabaseOptions{.clock = clock}};
  RecordingDialect& database = base.fake;
  worker::Runtime runtime;

 private:
  static Handlers table(Handler handler, HandlerOptions options) {
    if (!handler) handler = [](JobContext&) { return Outcome::done(); };
    Handlers handlers;
    handlers.on("work", std::move(handler), std::move(options));
    return handlers;
  }
  WorkerOptions filled(WorkerOptions options, unsigned concurrency) {
    options.concurrency = concurrency;
    options.on_event = [this](const WorkerEvent& event) { events.push_back(event); };
    return options;
  }
};

}  // namespace sqlq::testing
