#pragma once
/// \file
/// The services of a worker with a batch handler, on a manual clock and a dialect that records their calls, stepped by
/// hand.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/testing/manual_clock.hpp>

#include "support/recording_dialect.hpp"
#include "worker/batch_run.hpp"
#include "worker/runtime.hpp"

namespace sqlq::testing {

inline std::vector<Outcome> all_done(const BatchContext& batch) { return {batch.size(), Outcome::done()}; }

/// Jobs of kind "row" have a batch handler, those of kind "work" a single one. Each call of a handler is noted with its
/// jobs.
struct Batching {
  using Handler = std::function<std::vector<Outcome>(BatchContext&)>;
  struct Setup {
    unsigned concurrency = 10;
    BatchOptions how{.size = 4};
    HandlerOptions handling{};
    std::uint64_t max_jobs = 0;
  };

  explicit Batching(Setup setup, Handler handler = all_done)
      : runtime(base.db, table(setup, std::move(handler)), options(setup)) {
    runtime.shared.freeze_handlers();
  }

  JobId add(const std::function<void(Job&)>& describe = {}) {
    return database.add([&](Job& job) {
      job.kind = "row";
      job.keepalive = std::chrono::hours(1);
      if (describe) describe(job);
    });
  }
  std::vector<JobId> add_many(std::size_t n) {
    std::vector<JobId> ids;
    while (ids.size() < n) ids.push_back(add());
    return ids;
  }
  /// Claims, and runs what is to be run; outcomes wait for the completer.
  void fetch_and_run() {
    runtime.fetcher.step();
    run_all();
  }
  void run_all() {
    while (const auto lease = runtime.shared.ready.try_take()) {
      if (const auto batch = (*lease)->take_led()) {
        batch->push_back(*lease);
        runtime.executor.deliver(worker::run_batch(runtime.executor, *batch));
      } else {
        runtime.executor.deliver(runtime.executor.run(*lease));
      }
    }
  }
  void write() {
    while (runtime.completer.step() != SteadyPoint::max()) {
    }
  }
  void work() {
    fetch_and_run();
    write();
  }
  /// Time passes, and the watchdog looks.
  void pass(Duration time) {
    clock->advance(time);
    runtime.watchdog.step();
    run_all();
  }
  [[nodiscard]] worker::HeldPtr lease_of(JobId id) const {
    for (const worker::HeldPtr& lease : runtime.shared.in_flight.snapshot()) {
      if (lease->job().id == id) return lease;
    }
    return nullptr;
  }
  [[nodiscard]] std::vector<std::size_t> sizes() const {
    std::vector<std::size_t> all;
    for (const auto& call : calls) all.push_back(call.size());
    return all;
  }
  [[nodiscard]] WorkerStats stats() const { return runtime.shared.stats(); }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::vector<WorkerEvent> events{};
  std::vector<std::vector<JobId>> calls{};
  FakeDatabase<RecordingDialect> base{DatabaseOptions{.clock = clock}};
  RecordingDialect& database = base.fake;
  worker::Runtime runtime;

 private:
  Handlers table(const Setup& setup, Handler handler) {
    Handlers handlers;
    handlers.batch("row", setup.how,
                   [this, its = std::move(handler)](BatchContext& batch) {
                     std::vector<JobId>& call = calls.emplace_back();
                     for (std::size_t i = 0; i < batch.size(); ++i) call.push_back(batch.job(i).id);
                     return its(batch);
                   },
                   setup.handling);
    handlers.on("work", [this](JobContext& job) { calls.push_back({job.id()}); });
    return handlers;
  }
  WorkerOptions options(const Setup& setup) {
    return {.concurrency = setup.concurrency,
            .on_event = [this](const WorkerEvent& event) { events.push_back(event); },
            .max_jobs = setup.max_jobs};
  }
};

}  // namespace sqlq::testing
