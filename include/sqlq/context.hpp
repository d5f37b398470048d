#pragma once
/// \file
/// What a handler knows about the execution it is: the job, its stop token, its log, its result.

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

  /// Tripped when the handler should stop early: check it between steps of long work, or pass it on to waits. A
  /// handler that ignores it cannot be stopped; C++ has no safe way to end a thread from outside. What you register
  /// with std::stop_callback is called on a thread that the worker keeps for that (or, when the token was tripped
  /// before, on yours): it may take its time, and no lease, timeout or other job waits for it. stop_reason() says why
  /// before the token is tripped.
  [[nodiscard]] std::stop_token stop_token() const noexcept;
  [[nodiscard]] StopReason stop_reason() const noexcept;

  /// The job's log.
  [[nodiscard]] JobLogger& log() noexcept;

  /// Stores JSON text as the job's result, written together with its success; the last call wins.
  /// Errors: invalid_argument as for params; misuse after complete_in, which has written the result.
  void set_result(std::string_view json);
  template <Encodable T>
    requires(!std::convertible_to<const T&, std::string_view>)
  void set_result(const T& value) {
    set_result(std::string_view(codec<T>::encode(value)));
  }

  /// Completes the job inside the user's own transaction, so that its effect and its success commit together (once,
  /// exactly). Commit before returning. Returns false when the lease is lost: then roll back. If the handler then
  /// returns without having committed, the attempt counts as failed.
  [[nodiscard]] bool complete_in(Tx tx);

  /// For enqueueing follow-up work.
  [[nodiscard]] Client client() const;

 private:
  Impl* impl_;
};

}  // namespace sqlq
