#pragma once
// State and settings that the services of one worker share.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/database.hpp>
#include <sqlq/handlers.hpp>
#include <sqlq/worker.hpp>

#include "core/observing.hpp"
#include "worker/batches.hpp"
#include "worker/callbacks.hpp"
#include "worker/channel.hpp"
#include "worker/events.hpp"
#include "worker/in_flight.hpp"
#include "worker/slots.hpp"

namespace sqlq::worker {

/// WorkerStats while they are counted.
struct Counters {
  std::atomic<std::uint64_t> claimed{0}, succeeded{0}, failed{0}, discarded{0}, snoozed{0}, cancelled{0}, released{0},
      lost{0}, abandoned{0};
  [[nodiscard]] std::atomic<std::uint64_t>& of(JobEnd end) noexcept;
  [[nodiscard]] WorkerStats snapshot() const noexcept;
};

/// The options with every default filled in. Throws Error(invalid_argument).
[[nodiscard]] WorkerOptions checked(WorkerOptions options, const Database& db, const Handlers& handlers);

struct Shared {
  /// Throws Error(invalid_argument) for options out of range.
  Shared(Database database, Handlers table, WorkerOptions wanted);

  /// No kind can be added any more. Before the first claim.
  void freeze_handlers();
  [[nodiscard]] Clock& clock() const noexcept { return db.clock(); }
  [[nodiscard]] backend::Dialect& dialect() const { return db.ready(); }
  /// The time to send with a request: a test's, or none for the database's own.
  [[nodiscard]] backend::Now now() const;
  [[nodiscard]] WorkerStats stats() const noexcept;
  /// Whether anybody observes: else no event is made.
  [[nodiscard]] bool observed() const noexcept { return !options.observers.empty(); }
  void tell(const Event& event) const noexcept { core::tell(options.observers, event); }
  /// Counts how a held job ended, and tells it: once for each.
  void ended(const HeldPtr& lease, JobEnd end, std::optional<Cause> cause = {}, std::optional<Duration> ran = {},
             const std::string& message = {}) noexcept;
  /// Takes the lease off the books because there is nothing to write for it.
  void drop_lost(const HeldPtr& lease);
  /// Says of the leases that this process has lost that it lives: they ended by outages and no crashes.
  void report_outages();
  /// Trips the job's stop token on a thread for callbacks: what the handler has registered there may take any time.
  void trip(const HeldPtr& lease, StopReason reason) noexcept;
  void trip_all(StopReason reason);
  /// The lease is gone, or soon will be. True for the first to say so.
  bool lose(const HeldPtr& lease) noexcept;

  const Database db;
  const Handlers handlers;
  const WorkerOptions options;
  std::vector<std::string> kinds;  // that it claims; empty: all
  const std::shared_ptr<Callbacks> callbacks;
  const std::shared_ptr<Events> owned_events;
  Events& events = *owned_events;
  Counters counters;
  /// An operator wants it to claim nothing more.
  std::atomic<bool> draining{false};
  InFlight in_flight;
  /// Wakes the thread that waits for the end of a stop: a job or service has ended.
  const std::unique_ptr<Signal> progress = clock().make_signal();
  Outlived outlived;
  Slots slots;
  Channel<HeldPtr> ready;
  std::unique_ptr<Batches> batches;  // null: no handler is one of batches
};

}  // namespace sqlq::worker
