#pragma once
/// \file
/// The view of a handler on its execution: the job, its stop token, its log, its result.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include <sqlq/args.hpp>
#include <sqlq/client.hpp>
#include <sqlq/job.hpp>
#include <sqlq/log.hpp>
#include <sqlq/tx.hpp>

namespace sqlq {

/// Why the stop token was tripped.
enum class StopReason {
  none,        ///< it was not
  cancel,      ///< somebody cancelled the job
  timeout,     ///< the attempt ran longer than its timeout
  shutdown,    ///< the worker stops and the soft deadline has passed; the job will be released
  lease_lost,  ///< the lease could not be renewed in time or was taken: every write will be refused
};
[[nodiscard]] std::string_view to_string(StopReason reason) noexcept;

/// Handed to a handler for one execution.
///
/// Thread-safety: all members from any thread the handler uses. Lifetime: until the handler returns.
///
/// In the child of a fork() (worker.hpp) the job is the parent's: set_result, set_progress and complete_in throw
/// Error(misuse), and so does what client() gives; lines of log() go nowhere.
class JobContext {
 public:
  struct Impl;
  explicit JobContext(Impl& impl) noexcept : impl_(&impl) {}
  JobContext(const JobContext&) = delete;
  JobContext& operator=(const JobContext&) = delete;

  /// The job as it was claimed.
  [[nodiscard]] const Job& job() const noexcept;
  [[nodiscard]] JobId id() const noexcept { return job().id; }
  [[nodiscard]] int attempt() const noexcept { return job().attempt; }
  [[nodiscard]] LeaseToken lease_token() const noexcept { return job().lease_token; }

  /// Tripped when the handler should stop early: check it between steps of long work, or pass it on to waits. A handler
  /// that ignores it cannot be stopped; C++ has no safe way to end a thread from outside. A callback that you register
  /// with std::stop_callback is called on a thread that the worker keeps for that (or, when the token was tripped
  /// before, on yours): it may take its time, and no lease, timeout or other job waits for it. It must not throw and
  /// must not end its thread: by the rules of std::stop_callback either ends the process (std::terminate), so catch
  /// everything there. stop_reason() says why before the token is tripped.
  [[nodiscard]] std::stop_token stop_token() const noexcept;
  [[nodiscard]] StopReason stop_reason() const noexcept;

  /// The job's log.
  [[nodiscard]] JobLogger& log() noexcept;

  /// Sets JSON text as the job's result; the last call wins. Others read it (Job::result) from about a second later on,
  /// so a handler may set it again and again while it works, and it is written once more together with the outcome. It
  /// stays whatever the outcome is, also when the attempt fails or is cancelled: the next attempt finds it in
  /// `job().result` and may go on from there. Only another call, or an operator's requeue, replaces it. Of the calls
  /// within a second all but the last may never be written; none waits for the database.
  /// Errors: invalid_argument as for params, also when it is larger than the database takes. A handler that lets "too
  /// large" through ends its job as errored (Cause::discarded): another attempt would repeat its effects for the same
  /// result. misuse after complete_in, which has written the result.
  void set_result(std::string_view json);
  template <Encodable T>
    requires(!std::convertible_to<const T&, std::string_view>)
  void set_result(const T& value) {
    set_result(std::string_view(codec<T>::encode(value)));
  }

  /// Tells how far the job is, for others to read (Job::progress) from about a second later on, as long as it runs. The
  /// last call wins; cheap, and never waits for the database. `total` 0: not known.
  void set_progress(std::int64_t done, std::int64_t total = 0, std::string_view note = {});

  /// Completes the job inside the user's own transaction, so that its effect and its success commit together (once,
  /// exactly), and its result with them. Commit before returning. Returns false when the lease is lost: then roll back.
  /// If the handler then returns without having committed, the attempt counts as failed.
  [[nodiscard]] bool complete_in(Tx tx);

  /// For enqueueing follow-up work.
  [[nodiscard]] Client client() const;

 private:
  Impl* impl_;
};

}  // namespace sqlq
