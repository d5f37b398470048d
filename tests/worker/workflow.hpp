#pragma once
/// \file
/// Workflows on the storage in memory and a manual clock: workers that are stepped by hand, count what they ask of the
/// part Steps, and can die at any call.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/backend/forwarding.hpp>
#include <sqlq/sqlq.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/testing/memory_storage.hpp>

#include "support/expect_error.hpp"
#include "worker/runtime.hpp"

namespace sqlq::testing {

/// Ends a process that is only played: nothing of it reaches the database any more.
struct Killed {};

/// Counts the calls of the part Steps, and calls `before` and `after` around each call that a workflow makes.
class WatchedDialect final : public backend::ForwardingDialect {
 public:
  struct Watch {
    std::map<std::string, int> calls{};
    std::function<void(const std::string& operation)> before{};
    std::function<void(const std::string& operation)> after{};
    [[nodiscard]] int of_steps() const {
      int sum = 0;
      for (const auto& [operation, times] : calls) sum += operation == "enqueue" ? 0 : times;
      return sum;
    }
  };

 private:
  template <class Call>
  auto watched(const std::string& operation, Call&& call) {
    ++watch_.calls[operation];
    if (watch_.before) watch_.before(operation);
    auto answer = call();
    if (watch_.after) watch_.after(operation);
    return answer;
  }

 public:
  WatchedDialect(std::unique_ptr<Dialect> inner, Watch& watch) : ForwardingDialect(std::move(inner)), watch_(watch) {}

  std::vector<StepRecord> read_steps(JobId id, const Tx* within) override {
    return watched("read_steps", [&] { return inner().steps()->read_steps(id, within); });
  }
  backend::RecordAnswer record_step(const backend::NewStep& step, const Tx* within, backend::Now now) override {
    return watched("record_step", [&] { return inner().steps()->record_step(step, within, now); });
  }
  SignalStatus signal(JobId id, std::string_view name, std::string_view value, SignalMode mode, const Tx* within,
                      backend::Now now) override {
    return watched("signal", [&] { return inner().steps()->signal(id, name, value, mode, within, now); });
  }
  void wake(std::span<const JobId> ids, backend::Now now) override {
    watched("wake", [&] {
      inner().steps()->wake(ids, now);
      return 0;
    });
  }
  bool forget_steps(JobId id, const std::optional<From>& from, bool signals) override {
    return watched("forget_steps", [&] { return inner().steps()->forget_steps(id, from, signals); });
  }
  std::vector<Enqueued> enqueue(std::span<const backend::EnqueueItem> items, const Tx* within,
                                backend::Now now) override {
    return watched("enqueue", [&] { return inner().enqueue(items, within, now); });
  }

 private:
  Watch& watch_;
};

/// A worker with one slot. Its end without `work` is a death: what it holds comes back when the lease ends.
class PlayedWorker {
 public:
  PlayedWorker(const MemoryStorage& storage, std::shared_ptr<ManualClock> clock, Handlers handlers)
      : db_(std::make_unique<WatchedDialect>(storage.connect(clock), watch), {.clock = clock}),
        runtime_(db_, std::move(handlers), recorded()) {
    db_.migrate();
    runtime_.fetcher.stop_handing_over();
    runtime_.shared.freeze_handlers();
  }

  /// Runs what is due and writes the outcomes; says how many executions there were. Ends early when `killed`.
  std::size_t work() {
    for (std::size_t done = 0;; ++done) {
      runtime_.fetcher.step();
      const auto lease = runtime_.shared.ready.try_take();
      if (!lease) return done;
      worker::Ending ending = runtime_.executor.run(*lease);
      if (killed) return done + 1;
      runtime_.executor.deliver(*lease, std::move(ending));
      while (runtime_.completer.step() != SteadyPoint::max()) {
      }
      if (!killed) follow_up();
      if (killed) return done + 1;
    }
  }
  void sweep() {
    runtime_.reaper.step();
    follow_up();
    runtime_.maintenance.step();
    runtime_.retention.step();
  }
  /// As its loop does: what fails is tried again at the next time.
  void follow_up() {
    try {
      runtime_.follow_ups.step();
    } catch (...) {  // also the death of this worker
    }
  }

  /// It dies before or after its `n`-th call that is watched.
  void die_at(int n, bool before) {
    const auto count = [this, n](const std::string&) {
      if (killed) throw Killed{};
      if (++seen_ == n) {
        killed = true;
        throw Killed{};
      }
    };
    (before ? watch.before : watch.after) = count;
  }

  [[nodiscard]] Client client() const { return Client(db_); }
  [[nodiscard]] Admin admin() const { return Admin(db_); }
  [[nodiscard]] worker::Runtime& runtime() { return runtime_; }

  WatchedDialect::Watch watch{};
  std::vector<WorkerEvent> events{};
  bool killed = false;

 private:
  WorkerOptions recorded() {
    WorkerOptions options{.concurrency = 1};
    options.on_event = [this](const WorkerEvent& event) { events.push_back(event); };
    return options;
  }
  int seen_ = 0;
  Database db_;
  worker::Runtime runtime_;
};

struct WorkflowTest : ::testing::Test {
  using Handler = std::function<void(JobContext&)>;

  /// `handler` runs jobs of kind "flow"; those of kind "child" fail where their params say so, else give them back as
  /// their result.
  PlayedWorker worker(Handler handler, HandlerOptions options = {}) {
    return {storage, clock, table(std::move(handler), std::move(options))};
  }
  static Handlers table(Handler handler, HandlerOptions options = {}) {
    options.retry = RetryPolicy::constant(Duration(0));
    Handlers handlers;
    handlers.on("flow", [run = std::move(handler)](JobContext& job) { run(job); }, std::move(options));
    handlers.on("child", [](JobContext& job) {
      if (job.job().params == R"("fail")") return Outcome::discard("the child was to fail");
      job.set_result(job.job().params);
      return Outcome::done();
    });
    return handlers;
  }
  JobId start() { return client.enqueue(NewJob{"flow", "null"}).id; }
  Job find(JobId id) { return client.find(id).value(); }
  std::string last_message(JobId id) {
    const auto lines = Admin(db).history(id);
    return lines.empty() ? std::string() : lines.back().message;
  }
  /// The leases of dead workers end, and their jobs come back.
  void take_back() {
    clock->advance(std::chrono::seconds(31));
    client.reap();
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  MemoryStorage storage{};
  Database db = migrated(storage.open({.clock = clock}));
  Client client{db};

 private:
  static Database migrated(Database database) {
    database.migrate();
    return database;
  }
};

}  // namespace sqlq::testing
