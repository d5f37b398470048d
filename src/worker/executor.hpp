#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "worker/completer.hpp"
#include "worker/context.hpp"
#include "worker/fetcher.hpp"
#include "worker/interims.hpp"
#include "worker/shared.hpp"
#include "worker/watchdog.hpp"

namespace sqlq::worker {

/// Runs one job on the calling thread. Thread-safety: all members from any thread.
class Executor final {
 public:
  Executor(Shared& shared, std::shared_ptr<LogSink> logs, Interims& interims, Completer& completer, Fetcher& fetcher,
           Watchdog& watchdog);

  /// Runs the handler; whatever it throws becomes a failed attempt. When the lease is lost and the handler did not
  /// succeed, the job is given back: if nobody has taken it back yet, that costs it neither a crash nor an attempt.
  [[nodiscard]] Ending run(const HeldPtr& lease);
  /// The parts of `run`, for callers without a thread for the handler. Call the handler that `begin` returns with a
  /// context of `context_of`, and give its outcome to `conclude`. Null: there is none to call, and `instead` is the
  /// end.
  [[nodiscard]] const Handlers::Entry* begin(const HeldPtr& lease, std::optional<Ending>& instead);
  [[nodiscard]] JobContext::Impl context_of(const HeldPtr& lease) const;
  [[nodiscard]] Ending conclude(JobContext::Impl& impl, const Outcome& outcome, const HandlerOptions& options);
  /// The end of an attempt that the stop of the worker interrupts.
  [[nodiscard]] Ending interrupted(const HeldPtr& lease, const std::string& message) const;
  /// Passes the ending on and frees the slot.
  void deliver(const HeldPtr& lease, Ending ending);
  void deliver(Ending ending) {
    const HeldPtr lease = ending.lease;
    deliver(lease, std::move(ending));
  }
  /// The same for the jobs of a batch, together.
  void deliver(std::vector<Ending> endings);
  void free_slot() { free_slots(1); }
  void free_slots(std::size_t n);

 private:
  void finish(const HeldPtr& lease, Ending& ending);
  [[nodiscard]] static Ending not_started(const HeldPtr& lease);
  [[nodiscard]] Ending failed(const HeldPtr& lease, std::string message, Cause cause, const RetryPolicy& retry) const;
  [[nodiscard]] Ending interrupted_by_stop(const HeldPtr& lease, const std::string& message,
                                           const HandlerOptions& options) const;
  [[nodiscard]] Ending ended_badly(const HeldPtr& lease, const Outcome& outcome, const HandlerOptions& options) const;
  [[nodiscard]] Ending completed_by_handler(const HeldPtr& lease, const Outcome& outcome,
                                            const HandlerOptions& options);
  [[nodiscard]] SteadyPoint timeout_of(const Job& job, const HandlerOptions& options) const;

  Shared& shared_;
  std::shared_ptr<LogSink> logs_;
  std::shared_ptr<Clock> clock_;
  Interims& interims_;
  Completer& completer_;
  Fetcher& fetcher_;
  Watchdog& watchdog_;
};

}  // namespace sqlq::worker
