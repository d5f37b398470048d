#pragma once
/// \file
/// Batch handlers: one call for many jobs of a kind, for work that costs nearly the same for one as for a hundred: rows
/// that are inserted by one statement, mails that are sent by one request.
///
///     handlers.batch<SendEmail>({.size = 100, .linger = 50ms}, [](std::span<const SendEmail> mails) {
///       provider.send_all(mails);                               // throws: the attempts of all have failed
///     });
///
///     handlers.batch<SendEmail>({.size = 100}, [](std::span<const SendEmail> mails, sqlq::BatchContext& batch) {
///       std::vector<sqlq::Outcome> outcomes;                    // one for each job, in their order
///       for (const Answer& answer : provider.send_all(mails)) {
///         outcomes.push_back(answer.ok ? sqlq::Outcome::done() : sqlq::Outcome::error(answer.why));
///       }
///       return outcomes;
///     });
///
/// Each job stays a job of its own: it has its own lease, slot, outcome, history, log, retries and events, and is
/// counted as one. Only the call of the handler is shared.
///
/// **Gathering.** A batch is put together from the jobs of one kind that the worker holds; for its sake the worker
/// claims neither more nor sooner than it would. It is run when `size` jobs are there; when `linger` has passed since
/// the first of them was held; or at once when lingering would be in vain or in the way of others, so that no other job
/// ever waits for a batch that lingers: when every slot of the worker holds a job; when the worker claims nothing more
/// (WorkerOptions::max_jobs, Admin::drain); and when a claim that one of its jobs came with has brought a job of a
/// queue with a limit, as its other jobs wait for the places in that (a limit that is set while a batch lingers ends
/// none). With a linger of zero a batch is what one claim has brought. Its jobs are in the order of the claim, may be
/// of several queues, and have the same timeout: those with another one make a batch of their own. Each job holds a
/// slot from its claim until the handler has returned, also while its batch lingers; so the worker's concurrency must
/// not be less than `size`. One thread runs the whole batch; other batches of the kind may run at the same time. A stop
/// of the worker gives the jobs of a batch back that has not begun.
///
/// **What the handler returns.** Nothing: all jobs have succeeded. Or a std::vector<Outcome>, one for each job in their
/// order: each job ends by its own as if it had run alone. A vector of another size is as an exception.
///
/// **An exception** says nothing about which of the jobs was at fault: the attempt of every job in the batch has
/// failed, with "in a batch of N jobs: " and its text, and each is retried by the retry policy. No job ends by it: a
/// Discard ends a job only when that was alone in its batch.
///
/// **The innocent.** One bad job must not do harm to those beside it again and again. So a job shares a batch only in
/// its first attempt, with another one left, when no worker has crashed with it, and when a crash would not end it. All
/// others run alone, in batches of one that do not linger: jobs that are retried for whatever reason, those in their
/// last attempt (also those whose max_attempts is 1), those with a crash, and those whose max_crashes is 1. So a job
/// loses one attempt by others at most, is never ended by them, and max_attempts and max_crashes mean what they mean
/// elsewhere. An innocent that failed with its batch is retried as any: after the delay of its retry policy, behind the
/// jobs of its priority that were due before that. Where all fail for the same reason, as when a server is down, return
/// Outcome::snooze for each: no attempt is charged, and they share a batch again.
///
/// **Params that cannot be read** fail the attempt of their job only, as in a single handler. The others are run, and
/// the handler does not see that job: neither its params nor its place in the context.
///
/// **Stops.** A cancellation or a lost lease concerns one job: the handler may go on, and what it says of that job is
/// dropped or refused as for a single one. While its batch lingers, such a job leaves it and ends at once. The stop
/// token of the batch is tripped when all of its jobs are to stop. The timeout and a stop of the worker concern all of
/// them. HandlerOptions hold for each job.
///
/// A batch has no progress, no complete_in and no durable steps: what needs them is a single handler.

#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <sqlq/args.hpp>
#include <sqlq/client.hpp>
#include <sqlq/clock.hpp>
#include <sqlq/context.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>
#include <sqlq/log.hpp>
#include <sqlq/outcome.hpp>
#include <sqlq/stop_token.hpp>

namespace sqlq {

class BatchContext;

namespace detail {
/// Leaves the job at this place out of the batch: its attempt has failed with the exception that is being handled.
SQLQ_API void leave_out(BatchContext& batch, std::size_t i);
}  // namespace detail

/// How the jobs of a kind are gathered.
struct BatchOptions {
  /// The most jobs of one batch: 1 to 4096, and at most WorkerOptions::concurrency.
  std::size_t size = 100;
  /// How long the first job of a batch that is not full waits for others: 0 to 1 min.
  Duration linger{0};
};

/// Handed to a batch handler for one call. Jobs have the places 0 to size() - 1, as in the span of the handler.
///
/// Thread-safety: all members from any thread. Lifetime: until the handler returns. Errors: misuse for a place that is
/// not below size(). In the child of a fork() as JobContext.
class SQLQ_API BatchContext {
 public:
  struct Impl;
  /// For the worker and the test harness.
  explicit BatchContext(Impl& impl) noexcept : impl_(&impl) {}
  BatchContext(const BatchContext&) = delete;
  BatchContext& operator=(const BatchContext&) = delete;

  /// At least 1.
  [[nodiscard]] std::size_t size() const noexcept;
  /// The job as it was claimed.
  [[nodiscard]] const Job& job(std::size_t i) const;

  /// Tripped when all jobs are to stop; see JobContext::stop_token.
  [[nodiscard]] sqlq::stop_token stop_token() const noexcept;
  /// Whether and why this job is to stop. When it is not `none`, the work for it may be left out: return an error for
  /// it, which is recorded as for a single handler that gives up (a cancelled job ends as cancelled).
  [[nodiscard]] StopReason stop_reason(std::size_t i) const;

  /// The job's log.
  [[nodiscard]] JobLogger& log(std::size_t i);

  /// Sets JSON text as the job's result, as JobContext::set_result does. An error that is let through is an exception
  /// of the handler, like any other.
  void set_result(std::size_t i, std::string_view json);
  /// The same with a value of any type that can be a result.
  template <class T>
    requires(!std::convertible_to<const T&, std::string_view> && Encodable<T>)
  void set_result(std::size_t i, const T& value) {
    set_result(i, std::string_view(codec<T>::encode(value)));
  }

  /// For enqueueing follow-up work. No trace is passed on by itself, as hooks around work do not run
  /// (docs/observing.md).
  [[nodiscard]] Client client() const;

 private:
  friend void detail::leave_out(BatchContext& batch, std::size_t i);

  Impl* impl_;
};

}  // namespace sqlq
