#pragma once
/// \file
/// The view of a handler on its execution: the job, its stop token, its log, its result.

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <sqlq/args.hpp>
#include <sqlq/client.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>
#include <sqlq/log.hpp>
#include <sqlq/steps.hpp>
#include <sqlq/stop_token.hpp>
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
/// "none", "cancel", ...
[[nodiscard]] SQLQ_API std::string_view to_string(StopReason reason) noexcept;

/// Handed to a handler for one execution.
///
/// Thread-safety: all members from any thread the handler uses. Lifetime: until the handler returns.
///
/// In the child of a fork() (worker.hpp) the job is the parent's: set_result, set_progress, complete_in and the durable
/// steps throw Error(misuse), and so does what client() gives; lines of log() go nowhere.
class SQLQ_API JobContext {
 public:
  struct Impl;
  /// For the worker and the test harness.
  explicit JobContext(Impl& impl) noexcept : impl_(&impl) {}
  JobContext(const JobContext&) = delete;
  JobContext& operator=(const JobContext&) = delete;

  /// The job as it was claimed.
  [[nodiscard]] const Job& job() const noexcept;
  /// Job::id.
  [[nodiscard]] JobId id() const noexcept { return job().id; }
  /// Job::attempt: 1 for the first.
  [[nodiscard]] int attempt() const noexcept { return job().attempt; }
  /// Job::lease_token.
  [[nodiscard]] LeaseToken lease_token() const noexcept { return job().lease_token; }

  /// Tripped when the handler should stop early: check it between steps of long work, or pass it on to waits. A handler
  /// that ignores it cannot be stopped; C++ has no safe way to end a thread from outside. A callback that you register
  /// with stop_callback is called on a thread that the worker keeps for that (or, when the token was tripped
  /// before, on yours): it may take its time, and no lease, timeout or other job waits for it. It must not throw and
  /// must not end its thread: by the rules of stop_callback either ends the process (std::terminate), so catch
  /// everything there. stop_reason() says why before the token is tripped.
  [[nodiscard]] sqlq::stop_token stop_token() const noexcept;
  /// Why the token was tripped; StopReason::none: it was not.
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
  /// The same with a value of any type that can be a result.
  template <class T>
    requires(!std::convertible_to<const T&, std::string_view> && Encodable<T>)
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

  // ------------------------------------------------------------------------------------------------- durable steps
  // steps.hpp says what they are. From the handler's own thread only. Errors: configuration where the backend has no
  // steps (capability `steps`); lease_lost when the lease is lost: let it through; those of the database.

  /// Runs `body` and records what it returns (nothing: as null), or answers what an earlier execution has recorded
  /// without running it. One durable commit. An exception of `body` goes through, and nothing is recorded: the next
  /// attempt runs it again. The value is read back through its codec also on the first run. `body` calls no other step,
  /// sleep or wait (Error(misuse)).
  template <class F>
  auto step(StepName name, F&& body) -> std::invoke_result_t<F&> {
    return run_step<std::invoke_result_t<F&>>(nullptr, name, body);
  }
  /// The same with a name and a number.
  template <class F>
  auto step(std::string_view name, std::int64_t number, F&& body) -> std::invoke_result_t<F&> {
    return step(StepName(name, number), body);
  }
  /// Records in your own transaction, which `body` writes into too. Commit before the next call of this context: the
  /// next step, sleep, wait, all, since or complete_in throws Error(misuse) while it is open, unless that call is in
  /// the same transaction. It costs one read more for each such step, and nothing for other handlers. The call reads
  /// first: where a transaction that has read may not write any more once others have written, begin it as one that
  /// writes (BEGIN IMMEDIATE), or the step fails with Error(retry_transaction) and is tried again. Where the handler
  /// then returns normally without having committed, the attempt counts as failed. A step whose transaction was rolled
  /// back may be called again, as the next call of this context. What an earlier execution committed is answered
  /// without running `body`; where one that lost its lease committed meanwhile, Error(lease_lost) is thrown after
  /// `body` has run: roll back.
  template <class F>
  auto step(Tx tx, StepName name, F&& body) -> std::invoke_result_t<F&> {
    return run_step<std::invoke_result_t<F&>>(&tx, name, body);
  }
  /// The same with a name and a number.
  template <class F>
  auto step(Tx tx, std::string_view name, std::int64_t number, F&& body) -> std::invoke_result_t<F&> {
    return step(tx, StepName(name, number), body);
  }

  /// Returns at once when it has been slept through; else suspends the job for `time` from the first call on. Zero or
  /// less does not suspend. At most ten years.
  void sleep(StepName name, Duration time);

  /// The value of the signal of this name (Client::signal), or empty when none came within `timeout` of the first call.
  /// Suspends the job until then; zero or less does not suspend. The answer is recorded: later executions get the same
  /// one, unless the signal was replaced (SignalMode::replace). At most ten years.
  template <Encodable T>
  [[nodiscard]] std::optional<T> wait(StepName name, Duration timeout) {
    const std::optional<std::string> value = await_signal(name, timeout);
    return value ? std::optional<T>(detail::read_stored<T>(*value, "the signal", name)) : std::nullopt;
  }

  /// Enqueues the children once, suspends the job until all of them have finished, and answers them in the order given,
  /// with state and result: look at the state, a child may have failed. `children`: at most 1,000; `id` and
  /// `unique_key` must be empty. Whoever ends the last child wakes the parent: a worker, an own loop, a sweep, an
  /// operator. Where that is lost (a crash), and where the child was ended in a transaction of yours (Client::success
  /// or cancel with a Tx), the parent looks again after at most 5 minutes. A child whose job is gone (Admin::erase, its
  /// retention) is answered with JobState::invalid and its id.
  [[nodiscard]] std::vector<Job> all(StepName name, std::span<const NewJob> children);
  /// The same with values of one job type, each with the same options.
  template <JobRange R>
  [[nodiscard]] std::vector<Job> all(StepName name, const R& children, const EnqueueOptions& options = {}) {
    using A = std::ranges::range_value_t<R>;
    std::vector<NewJob> jobs;
    for (const A& a : children) jobs.push_back({std::string(std::string_view(A::kind)), codec<A>::encode(a), options});
    return all(name, std::span<const NewJob>(jobs));
  }

  /// Whether this job runs the new way from here on. Decided once for each job and recorded: false if an earlier
  /// execution has recorded a step, sleep, wait or children that this one has not come to yet, for then it went past
  /// this point the old way; else true. So a job keeps to the way that it went, and one that has not come to this point
  /// goes the new way. May be asked again.
  [[nodiscard]] bool since(StepName change);

 private:
  template <class R, class F>
  R run_step(const Tx* tx, StepName name, F& body) {
    static_assert(std::is_void_v<R> || Encodable<R>,
                  "sqlq: what a step returns is recorded as JSON: include <sqlq/json.hpp>, and give its type a "
                  "conversion, or return a value of another type, or nothing");
    if (const std::optional<std::string> recorded = find_step(tx, name)) {
      if constexpr (std::is_void_v<R>) return;
      else return detail::read_stored<R>(*recorded, "the result of the step", name);
    }
    if constexpr (std::is_void_v<R>) {
      run_body(body);
      static_cast<void>(record_step(tx, name, "null"));
    } else {
      return codec<R>::decode(record_step(tx, name, codec<R>::encode(run_body(body))));
    }
  }
  /// Meanwhile no step, sleep or wait may be called: it would be one within another.
  template <class F>
  std::invoke_result_t<F&> run_body(F& body) {
    struct Running {
      explicit Running(JobContext& c) : context(c) { context.in_body(true); }
      ~Running() { context.in_body(false); }
      Running(const Running&) = delete;
      Running& operator=(const Running&) = delete;
      JobContext& context;
    };
    const Running running(*this);
    return std::invoke(body);
  }
  void in_body(bool runs) noexcept;
  /// What is recorded; empty: nothing, and the step begins.
  std::optional<std::string> find_step(const Tx* tx, StepName name);
  /// Answers what is recorded now.
  std::string record_step(const Tx* tx, StepName name, std::string value);
  std::optional<std::string> await_signal(StepName name, Duration timeout);

  Impl* impl_;
};

}  // namespace sqlq
