#pragma once
// One process with a worker: its services on steps instead of threads, its handlers on a script.

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/testing/memory_storage.hpp>

#include "simulation/faulty_dialect.hpp"
#include "worker/runtime.hpp"
#include "worker/service_loop.hpp"

namespace sqlq::simulation {

/// What all processes share.
struct World {
  std::shared_ptr<testing::ManualClock> clock = std::make_shared<testing::ManualClock>();
  testing::MemoryStorage storage{};
  Dice dice;
  Ledger ledger{*clock};
  const bool timed;   ///< with schedules, and with jobs that have durable steps and wait for signals
  bool calm = false;  ///< no faults any more: handlers end soon and mostly well

  /// Every fourth seed is timed.
  explicit World(std::uint64_t seed, std::set<std::size_t> left_out = {})
      : dice(seed, std::move(left_out)), timed(seed % 4 == 0) {}
  [[nodiscard]] SteadyPoint now() const { return clock->steady(); }
  [[nodiscard]] SteadyPoint in(Duration time) const { return saturating_add(now(), time); }
};

/// A database as one process sees it.
struct Connection {
  Connection(World& world, Line& line);

  FaultyDialect* dialect = nullptr;  // owned by db
  Database db;

 private:
  Connection(World& world, std::unique_ptr<FaultyDialect> made);
};

/// The worker of one process. Everything happens in `step`s, in any order that threads could have.
class WorkerProcess final {
 public:
  WorkerProcess(World& world, std::string name, const Weather& weather, WorkerOptions options);
  /// Kills it: nothing more is written.
  ~WorkerProcess() = default;
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  Line line;
  SteadyPoint paused_until{};  ///< until then it takes no step

  /// How many different things it could do next. 0 while it is paused.
  [[nodiscard]] std::size_t choices();
  /// Does one of them; `which` < choices(), which was called just before.
  void step(std::size_t which);
  /// When it has something to do again if nothing happens meanwhile.
  [[nodiscard]] SteadyPoint next() const;

  /// Begins to stop as Worker::stop does.
  void drain();
  /// After `drain`: all has been written.
  [[nodiscard]] bool drained() const;
  /// Handlers that would never end do so soon.
  void calm_down();

  /// Does a handler of this process run the job without having been told to stop, though it had the time to hear it?
  [[nodiscard]] bool runs_unwarned(JobId id, const worker::HeldPtr& except);
  [[nodiscard]] bool has_room() const { return runtime_.shared.slots.free() > 0; }
  [[nodiscard]] const FaultyDialect& dialect() const noexcept { return *connection_.dialect; }
  /// Asked before a handler starts: may it?
  std::function<bool(JobId, const worker::HeldPtr&)> by_right{};

 private:
  struct Loop {
    worker::Service* service;
    worker::Turns turns;
    SteadyPoint at = SteadyPoint::min();
    bool backing_off = false;
    bool woken = false;
    bool stopped = false;
  };
  enum class End { done, error, discard, snooze, complete, forget };
  struct SQLQ_LOCAL Execution {
    worker::HeldPtr lease;
    const HandlerOptions& options;
    std::unique_ptr<JobContext::Impl> impl;
    SteadyPoint ends;
    bool obeys;  // its stop token
    End end;
  };

  [[nodiscard]] bool due(Loop& loop);
  [[nodiscard]] bool may_end(const Execution& execution) const;
  void begin();
  void end(std::list<Execution>::iterator which);
  [[nodiscard]] Outcome play(Execution& execution);
  [[nodiscard]] Outcome play_steps(Execution& execution);
  void go_through_steps(JobContext& context);
  [[nodiscard]] Outcome complete(JobContext& context, bool commit);

  World& world_;
  Connection connection_;
  worker::Runtime runtime_;
  std::unique_ptr<backend::Subscription> subscription_;
  std::vector<Loop> loops_;
  Loop* watching_ = nullptr;
  std::list<Execution> running_;
  std::vector<std::function<void()>> choices_;
  bool draining_ = false;
};

}  // namespace sqlq::simulation
