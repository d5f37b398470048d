#pragma once
/// \file
/// The client: enqueue and cancel jobs; and, for programs that run their own loop, claim and finish them by hand.

#include <initializer_list>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/args.hpp>
#include <sqlq/database.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>
#include <sqlq/retry.hpp>
#include <sqlq/steps.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/tx.hpp>

namespace sqlq {

/// Many values of one job type.
template <class R>
concept JobRange = std::ranges::input_range<R> && JobArgs<std::ranges::range_value_t<R>>;

/// A range whose values cannot be jobs: calls that take one explain why not.
template <class R>
concept NoJobRange = std::ranges::input_range<R> && !JobArgs<std::ranges::range_value_t<R>> &&
                     !std::is_convertible_v<R, std::span<const NewJob>>;

/// Which jobs a claim may take.
struct ClaimFilter {
  std::vector<std::string> kinds{};  ///< empty: all kinds
};

/// The answer to a write by the holder of a lease. There are six ways to end one: success, error with a retry, error
/// for good, cancelled, snooze, release. Ending it the same way again is a replay, also with another result, message or
/// delay: the first ones stay.
enum class FinishStatus {
  applied,          ///< done as asked
  already_applied,  ///< this lease was ended in the same way before: a replay, nothing changed
  cancelled,        ///< cancellation had been asked for, so the job ended as cancelled (also for success and error)
  stale,            ///< the lease is lost (reaped, claimed again, requeued, no such job): nothing was changed
  ended_otherwise,  ///< this lease was ended in another way before, as by `error` before `success`: nothing was changed
};
/// "applied", "already_applied", ...
[[nodiscard]] SQLQ_API std::string_view to_string(FinishStatus status) noexcept;
/// Did the write reach the job, now or before?
[[nodiscard]] constexpr bool accepted(FinishStatus s) noexcept {
  return s != FinishStatus::stale && s != FinishStatus::ended_otherwise;
}

/// Answer to a heartbeat.
enum class LeaseStatus {
  renewed,           ///< held until now + keepalive
  cancel_requested,  ///< renewed; please stop and say `cancelled`
  lost,              ///< somebody else may have the job: stop, and expect every write to be refused
};
/// "renewed", "cancel_requested", ...
[[nodiscard]] SQLQ_API std::string_view to_string(LeaseStatus status) noexcept;

/// Answer to cancel.
enum class CancelStatus {
  cancelled,   ///< it had not started; it is finished now
  cancelling,  ///< it is running and will be told
  finished,    ///< too late, nothing changed
  not_found,   ///< there is no such job
};
/// "cancelled", "cancelling", ...
[[nodiscard]] SQLQ_API std::string_view to_string(CancelStatus status) noexcept;

/// How an error is to be handled.
struct ErrorOptions {
  RetryPolicy retry{};   ///< delay before the next attempt
  bool discard = false;  ///< no retry, though attempts are left
};

/// How one lease is to end. The same as the members of Client of the same names, for many jobs in one call.
///
///     client.finish({Ending::success(first), Ending::error(second, "no such address"), Ending::release(third)});
class SQLQ_API Ending {
 public:
  /// As Client::success.
  [[nodiscard]] static Ending success(const Job& job, std::string result = {});
  /// As Client::error.
  [[nodiscard]] static Ending error(const Job& job, std::string_view message, const ErrorOptions& options = {});
  /// As Client::cancelled.
  [[nodiscard]] static Ending cancelled(const Job& job);
  /// As Client::snooze.
  [[nodiscard]] static Ending snooze(const Job& job, Duration delay);
  /// As Client::throttled. Not in a transaction of yours: Error(misuse).
  [[nodiscard]] static Ending throttled(const Job& job, Duration retry_after, std::string_view why = {});
  /// As Client::release.
  [[nodiscard]] static Ending release(const Job& job);

 private:
  friend class Client;
  enum class Way { success, retry, fail, cancel, snooze, throttle, release };
  Ending(const Job& job, Way way);

  JobId id_;
  LeaseToken token_;
  Way way_;
  bool discarded_ = false;
  std::string text_{};    ///< the result or the message
  std::string parent_{};  ///< of a child: the header that names its parent
  std::string queue_{};   ///< of a job with a key
  std::string key_{};
  Duration delay_{};
};

/// The result of a sweep over the jobs whose lease had ended.
struct ReapReport {
  std::vector<JobId> returned{};   ///< back to pending
  std::vector<JobId> errored{};    ///< attempts or max_crashes used up, or refused by the database, as history says
  std::vector<JobId> cancelled{};  ///< cancellation had been asked for
  std::vector<JobId> refused{};    ///< the database refuses for good to end them as well: they stay as they are
  /// Those that were taken back.
  [[nodiscard]] std::size_t total() const noexcept { return returned.size() + errored.size() + cancelled.size(); }
};

/// Producer's and toolbox side of a queue. Cheap to copy; copies share the database handle.
///
/// Thread-safety: all members from any thread at once, except that a `Tx` belongs to one thread at a time.
/// Errors: every call may throw `Error`. invalid_argument is thrown before anything is sent. Calls are bounded in time
/// by the backend's timeouts. A call that threw with `outcome_unknown()` can be repeated with the same ids or lease.
class SQLQ_API Client {
 public:
  /// On this database; asks it nothing.
  explicit Client(Database db) : db_(std::move(db)) {}
  /// With defaults for the jobs that it enqueues. Errors: invalid_argument, as for EnqueueOptions.
  Client(Database db, ClientOptions defaults);

  // ------------------------------------------------------------------------------------------------- enqueue
  /// Stores the job; when this returns it will be executed or stays visible, whatever crashes (promise I1).
  template <JobArgs A>
  Enqueued enqueue(const A& args, EnqueueOptions options = {}) {
    return enqueue(describe(args, std::move(options)));
  }
  /// The same inside the user's transaction: the job exists if and only if that commits (promise I2).
  template <JobArgs A>
  Enqueued enqueue(Tx tx, const A& args, EnqueueOptions options = {}) {
    return enqueue(tx, describe(args, std::move(options)));
  }
  /// Many of one type in one atomic batch, each with the same options; an id or unique_key in them is refused. Any
  /// range will do: a vector, an array, a list, a view, or `{SendEmail{...}, SendEmail{...}}`.
  template <JobRange R>
  std::vector<Enqueued> enqueue_many(R&& args, const EnqueueOptions& options = {}) {
    return enqueue_many(std::span<const NewJob>(describe_all(args, options)));
  }
  /// In your transaction.
  template <JobRange R>
  std::vector<Enqueued> enqueue_many(Tx tx, R&& args, const EnqueueOptions& options = {}) {
    return enqueue_many(tx, std::span<const NewJob>(describe_all(args, options)));
  }
  /// From a list in braces.
  template <JobArgs A>
  std::vector<Enqueued> enqueue_many(std::initializer_list<A> args, const EnqueueOptions& options = {}) {
    return enqueue_many(std::span<const NewJob>(describe_all(args, options)));
  }
  /// From a list in braces, in your transaction.
  template <JobArgs A>
  std::vector<Enqueued> enqueue_many(Tx tx, std::initializer_list<A> args, const EnqueueOptions& options = {}) {
    return enqueue_many(tx, std::span<const NewJob>(describe_all(args, options)));
  }
  /// As enqueue, and gives back the job as the database has it: one more read. In your transaction it reads there.
  ///
  ///     const sqlq::EnqueuedRow order = client.enqueue_row(Ship{42}, {.unique_key = "order-42"});
  ///     if (!order.inserted() && order.job) show(order.job->state, order.job->progress);
  ///
  /// Errors: those of enqueue. If a job was stored and then cannot be read, outcome_unknown, which names its id; in
  /// your transaction the error of the read, for the job is stored only if you commit.
  template <JobArgs A>
  EnqueuedRow enqueue_row(const A& args, EnqueueOptions options = {}) {
    return enqueue_row(describe(args, std::move(options)));
  }
  /// In your transaction.
  template <JobArgs A>
  EnqueuedRow enqueue_row(Tx tx, const A& args, EnqueueOptions options = {}) {
    return enqueue_row(tx, describe(args, std::move(options)));
  }
  /// \cond
  // A type that is no job: these say in words what it lacks.
  template <NoJobArgs A>
  Enqueued enqueue(const A&, const EnqueueOptions& = {}) {
    static_cast<void>(check_job_type<A>());
    return {};
  }
  template <NoJobArgs A>
  Enqueued enqueue(Tx, const A&, const EnqueueOptions& = {}) {
    static_cast<void>(check_job_type<A>());
    return {};
  }
  template <NoJobArgs A>
  EnqueuedRow enqueue_row(const A&, const EnqueueOptions& = {}) {
    static_cast<void>(check_job_type<A>());
    return {};
  }
  template <NoJobArgs A>
  EnqueuedRow enqueue_row(Tx, const A&, const EnqueueOptions& = {}) {
    static_cast<void>(check_job_type<A>());
    return {};
  }
  template <NoJobRange R>
  std::vector<Enqueued> enqueue_many(R&&, const EnqueueOptions& = {}) {
    return refuse<std::ranges::range_value_t<R>>();
  }
  template <NoJobRange R>
  std::vector<Enqueued> enqueue_many(Tx, R&&, const EnqueueOptions& = {}) {
    return refuse<std::ranges::range_value_t<R>>();
  }
  /// \endcond

  /// Untyped: kind and JSON text.
  Enqueued enqueue(const NewJob& job);
  /// Untyped, in your transaction.
  Enqueued enqueue(Tx tx, const NewJob& job);
  /// Untyped, with the row as the database has it.
  EnqueuedRow enqueue_row(const NewJob& job);
  /// The same in your transaction.
  EnqueuedRow enqueue_row(Tx tx, const NewJob& job);
  /// All or nothing; at most 100,000 jobs in one call; answers in the order given. Duplicates (id or unique key) are
  /// answers, not errors.
  std::vector<Enqueued> enqueue_many(std::span<const NewJob> jobs);
  /// In your transaction.
  std::vector<Enqueued> enqueue_many(Tx tx, std::span<const NewJob> jobs);

  // ------------------------------------------------------------------------------------------------- look
  /// The job as it is now; empty if there is none.
  [[nodiscard]] std::optional<Job> find(JobId id) const;
  /// The same as the user's transaction sees it: with what it has enqueued and finished itself.
  [[nodiscard]] std::optional<Job> find(Tx tx, JobId id) const;
  /// Is cancellation asked for? (In a worker the stop token says it without a query.)
  [[nodiscard]] bool is_cancelled(JobId id) const;
  /// As your transaction sees it.
  [[nodiscard]] bool is_cancelled(Tx tx, JobId id) const;
  /// Waits until the job has finished, and returns it. Empty: it had not by then, or `stop` was tripped, or there is no
  /// such job (any more: retention). If a worker has run it, the lines that its handler wrote are there (Admin::logs
  /// says which may come later). Looks after 5 ms at first and then after a quarter of the time since, at most 2 s.
  [[nodiscard]] std::optional<Job> wait(JobId id, Duration timeout, sqlq::stop_token stop = {}) const;

  // ------------------------------------------------------------------------------------------------- signal
  /// Sends a signal to a job that waits for it, or will (JobContext::wait). `name` as StepName; the value is JSON of at
  /// most 1 MiB. Also one that comes after its wait has ended is `stored` (SignalStatus). Errors: configuration where
  /// the backend has no steps (capability `steps`). Repeated after an unknown outcome it is answered `existing`, with
  /// SignalMode::replace `replaced`; with append it is sent twice.
  template <class T>
    requires(!std::convertible_to<const T&, std::string_view> && Encodable<T>)
  SignalStatus signal(JobId id, const std::string& name, const T& value, SignalMode mode = SignalMode::first) {
    return signal(id, name, std::string_view(codec<T>::encode(value)), mode);
  }
  /// In your transaction: sent when that commits.
  template <class T>
    requires(!std::convertible_to<const T&, std::string_view> && Encodable<T>)
  SignalStatus signal(Tx tx, JobId id, const std::string& name, const T& value, SignalMode mode = SignalMode::first) {
    return signal(tx, id, name, std::string_view(codec<T>::encode(value)), mode);
  }
  /// The same with JSON text.
  SignalStatus signal(JobId id, const std::string& name, std::string_view json, SignalMode mode = SignalMode::first);
  /// In your transaction: sent when that commits. It locks the job's row until then, so keep it short.
  SignalStatus signal(Tx tx, JobId id, const std::string& name, std::string_view json,
                      SignalMode mode = SignalMode::first);

  // ------------------------------------------------------------------------------------------------- cancel
  /// Asks a job to stop. Affects this job only.
  CancelStatus cancel(JobId id);
  /// In your transaction: asked when that commits.
  CancelStatus cancel(Tx tx, JobId id);

  // ------------------------------------------------------------------------------------------------- own loop
  /// Takes up to `n` (1 to 10,000) jobs that are due and marks them running for the caller, in order of queue priority,
  /// job priority, due time, insertion. Never over a queue's concurrency, never from a paused queue, never a job
  /// another claim got. No queues given: all; at most 10,000 names of each sort. One suspect at most (is_suspect): wait
  /// for its end before the next claim if your process shall hold no two. Does not wait: an empty answer means nothing
  /// was ready. A job that the database refuses to start (a trigger of yours) keeps no other from it: it is ended as
  /// errored, or passed over; about once a minute Error(refused) names it where there is nothing else to claim.
  ///
  /// When nothing was ready, jobs with keys are let in first whose keys have room, as a worker would (limits.hpp).
  ///
  /// Each job must be finished (success, error, cancelled, snooze, throttled, release) and, if that takes longer than a
  /// third of its keepalive, pinged meanwhile.
  [[nodiscard]] std::vector<Job> claim(std::span<const std::string> queues = {}, const ClaimFilter& filter = {},
                                       std::size_t n = 1);
  /// The same, and waits up to `wait` for the first ones when there are none; ends early, with none, when `stop` is
  /// tripped. Hints of the database wake it where there are any; else it looks as Client::wait does. In a transaction
  /// of yours there is no claim, ping or reap: a lease that nobody else sees protects nothing, and what it has locked
  /// would stop others.
  [[nodiscard]] std::vector<Job> claim(std::span<const std::string> queues, const ClaimFilter& filter, std::size_t n,
                                       Duration wait, sqlq::stop_token stop = {});
  /// One job or none, from one queue.
  [[nodiscard]] std::optional<Job> claim_one(const std::string& queue, const ClaimFilter& filter = {});

  /// Renews the lease for another keepalive. When the lease has ended meanwhile, that counts as an outage from now on
  /// and no more as a crash of the job: its process lives. Of several, one whose renewal the database refuses for good
  /// keeps no other from it: Error(refused) comes after the others were renewed.
  LeaseStatus ping(const Job& job);
  /// Many in one call; answers in the order given.
  std::vector<LeaseStatus> ping(std::span<const Job> jobs);

  /// Sets the job's result while it runs, for others to read at once; it stays whatever becomes of the job, until it is
  /// set again. False: nothing was changed, because the lease is lost or somebody has the job's row locked right now.
  bool set_result(const Job& job, std::string_view result);
  /// The same for how far it is (Job::progress).
  bool set_progress(const Job& job, const Progress& progress);
  /// running -> success. `result` is JSON text, stored together with the state; empty: what was set before stays.
  FinishStatus success(const Job& job, std::string_view result = {});
  /// In your transaction: ended when that commits.
  FinishStatus success(Tx tx, const Job& job, std::string_view result = {});
  /// running -> scheduled for the retry, or errored when no attempts are left or `discard`. `message` is kept in the
  /// job's history, cut at 64 KiB; invalid UTF-8 in it is replaced.
  FinishStatus error(const Job& job, std::string_view message, const ErrorOptions& options = {});
  /// In your transaction.
  FinishStatus error(Tx tx, const Job& job, std::string_view message, const ErrorOptions& options = {});
  /// cancelling -> cancelled (a running job that is not being cancelled is ended as cancelled too).
  FinishStatus cancelled(const Job& job);
  /// In your transaction.
  FinishStatus cancelled(Tx tx, const Job& job);
  /// running -> scheduled for now + delay; the attempt is given back, earlier crashes are forgotten.
  FinishStatus snooze(const Job& job, Duration delay);
  /// The same, and before that no other job of its key (EnqueueOptions::key) is let in until then; those that run go
  /// on. A job without a key is only snoozed. `why` goes into its history.
  FinishStatus throttled(const Job& job, Duration retry_after, std::string_view why = {});
  /// running -> pending at once; the attempt is given back.
  FinishStatus release(const Job& job);

  /// Ends many leases in one call and one transaction, each as it says; answers in the order given. At most 10,000.
  std::vector<FinishStatus> finish(std::span<const Ending> endings);
  /// In your transaction.
  std::vector<FinishStatus> finish(Tx tx, std::span<const Ending> endings);
  /// From a list in braces.
  std::vector<FinishStatus> finish(std::initializer_list<Ending> endings) { return finish(std::span(endings)); }

  /// Returns jobs whose lease ended to pending, or ends them when attempts or max_crashes are used up; writes a line
  /// into each job's log and history. No queues: all. A worker does this by itself every sweep.
  /// Where somebody's lock has kept everybody from writing, and this process has noticed it, leases that ended
  /// meanwhile are left for up to 2 s more, in which their holders can renew them.
  ReapReport reap(std::span<const std::string> queues = {});

  /// The handle it was made with.
  [[nodiscard]] const Database& database() const noexcept { return db_; }

 private:
  template <JobArgs A>
  static NewJob describe(const A& args, EnqueueOptions options) {
    return {std::string(std::string_view(A::kind)), codec<A>::encode(args), std::move(options)};
  }
  template <JobRange R>
  static std::vector<NewJob> describe_all(R&& args, const EnqueueOptions& options) {
    using A = std::ranges::range_value_t<R>;
    refuse_shared_identity(options);
    std::vector<NewJob> jobs;
    if constexpr (std::ranges::sized_range<R>) jobs.reserve(std::ranges::size(args));
    for (const A& a : args) jobs.push_back(describe(a, options));
    return jobs;
  }
  template <class A>
  static std::vector<Enqueued> refuse() {
    if constexpr (std::is_same_v<A, NewJob>) {
      static_assert(!std::is_same_v<A, NewJob>, "sqlq: many NewJob are enqueued from a std::vector, an array or a "
                                                "std::span, without options: each has its own");
    } else {
      static_cast<void>(check_job_type<A>());
    }
    return {};
  }
  static void refuse_shared_identity(const EnqueueOptions& options);

  std::vector<Enqueued> store(std::span<const NewJob> jobs, const Tx* within) const;
  EnqueuedRow store_and_read(const NewJob& job, const Tx* within) const;
  std::vector<FinishStatus> end(std::span<const Ending> endings, const Tx* within) const;

  Database db_;
  ClientOptions defaults_{};
};

}  // namespace sqlq
