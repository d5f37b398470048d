#pragma once
/// \file
/// The table of handlers: which code runs which kind of job.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/args.hpp>
#include <sqlq/batch.hpp>
#include <sqlq/batch_call.hpp>
#include <sqlq/context.hpp>
#include <sqlq/export.hpp>
#include <sqlq/handler_call.hpp>
#include <sqlq/outcome.hpp>
#include <sqlq/retry.hpp>

namespace sqlq {

/// Callable as a handler of A: with (args, context), (args), (context) or nothing, returning an Outcome or nothing. It
/// is called from many threads at once, so it must be callable while const: a lambda that is `mutable` is refused, and
/// so is one that takes the args by a reference it could change.
template <class F, class A>
concept Handler = JobArgs<A> && detail::Handles<const F, const A&>;

/// The same of a batch handler: with (std::span<const A>, context) or (std::span<const A>), returning a
/// std::vector<Outcome> or nothing.
template <class F, class A>
concept BatchHandler = JobArgs<A> && detail::HandlesBatch<const F, A>;

/// How an attempt ends that a stop of the worker interrupts: its handler fails after the stop token was tripped
/// with StopReason::shutdown, or is left behind because it does not return.
enum class OnStop {
  release,  ///< the job goes back, its attempt given back: it runs again soon, whatever its max_attempts
  fail,     ///< a failed attempt (Cause::failed): it runs again only while attempts are left. With max_attempts = 1 a
            ///< handler that has begun is never begun again
};

/// Options of one kind.
struct HandlerOptions {
  RetryPolicy retry{};               ///< delay after a failed attempt
  Duration timeout{0};               ///< for jobs enqueued without one; zero: none
  OnStop on_stop = OnStop::release;  ///< for attempts that a stop interrupts
  bool keep_steps = true;            ///< false: a job's steps and signals go when it succeeds, not with the job
};

/// The rest of an execution, for a hook around work: the hooks within it, and the handler.
class SQLQ_API Next {
 public:
  Next(const Next&) = delete;
  Next& operator=(const Next&) = delete;
  /// Runs it, and answers its outcome; what the handler throws comes through. Once at most: another call throws
  /// Error(misuse). By the thread that called the hook.
  Outcome operator()();

 private:
  friend class Handlers;
  using Hooks = std::span<const std::function<Outcome(JobContext&, Next&)>>;
  using Handler = std::function<Outcome(JobContext&)>;
  Next(Hooks hooks, const Handler& handler, JobContext& context)
      : hooks_(hooks), handler_(handler), context_(context) {}

  Hooks hooks_;
  const Handler& handler_;
  JobContext& context_;
  bool called_ = false;
};

/// A hook around work: stands around the call of the handler.
///
///     handlers.around([](sqlq::JobContext& job, sqlq::Next& next) {
///       const Timer timer(job.job().kind);
///       return next();
///     });
///
/// Its outcome is that of the execution, and what it throws counts as thrown by the handler. It may answer another
/// outcome than `next` did, turn an exception into one, or not call `next` at all. It runs in the handler's time: the
/// timeout, the stop token and the lease are those of the job. A Suspension (steps.hpp) must come through: it is no
/// std::exception; after `catch (...)` throw it on, or the attempt fails.
///
/// Batch handlers (batch.hpp) have no hooks around them: one call of theirs is of many jobs.
///
/// Called from many threads at once.
using WorkHook = std::function<Outcome(JobContext&, Next&)>;

/// Maps kinds to handlers. A kind without a handler of its own has that of on_any, if there is one. A shared handle:
/// copies are the same table. A worker freezes it when it starts.
///
/// Thread-safety: register from one thread, before a worker starts. Errors: invalid_argument for a bad kind, misuse for
/// a kind (or on_any) registered twice and for registering after a worker started. A type that is no job or a function
/// that is no handler of it does not compile; the compiler's message begins with "sqlq:" and says why in words.
class SQLQ_API Handlers {
 public:
  /// The functions in the table.
  using Function = std::function<Outcome(JobContext&)>;
  /// The same for batch handlers: one outcome for each job.
  using BatchFunction = std::function<detail::BatchOutcomes(BatchContext&)>;
  /// What a batch handler has.
  struct Batch {
    BatchFunction run;     ///< called with all jobs of the batch
    BatchOptions options;  ///< how batches are filled
  };
  /// One row of the table.
  struct Entry {
    Function run;                          ///< empty for a batch handler
    HandlerOptions options;                ///< of the kind
    std::shared_ptr<const Batch> batch{};  ///< null for a single handler
  };

  Handlers();

  /// handlers.on<SendEmail>([](const SendEmail& m, sqlq::JobContext& job) { ... });
  /// The handler may own what cannot be copied, such as a std::unique_ptr.
  template <class A, class F>
  Handlers& on(F handler, HandlerOptions options = {}) {
    if constexpr (check_job_type<A>() && detail::check_handler<F, A>()) {
      if (detail::is_empty(handler)) return add(std::string(std::string_view(A::kind)), nullptr, std::move(options));
      return add(std::string(std::string_view(A::kind)),
                 [its = std::make_shared<const F>(std::move(handler))](JobContext& context) {
                   return detail::call_typed<A>(*its, context);
                 },
                 std::move(options));
    }
    return *this;
  }
  /// The untyped form; `context.job().params` has the JSON text:
  /// handlers.on("send-email", [](sqlq::JobContext& context) { ... });
  template <class F>
  Handlers& on(std::string kind, F handler, HandlerOptions options = {}) {
    if constexpr (detail::check_untyped_handler<F>()) {
      if (detail::is_empty(handler)) return add(std::move(kind), nullptr, std::move(options));
      return add(std::move(kind),
                 [its = std::make_shared<const F>(std::move(handler))](JobContext& context) {
                   return detail::outcome_of(*its, context);
                 },
                 std::move(options));
    }
    return *this;
  }

  /// The handler of a kind for many jobs in one call (batch.hpp). A kind has one handler, of either sort. Errors also:
  /// invalid_argument for batch options out of range.
  /// handlers.batch<Row>({.size = 100, .linger = 50ms}, [](std::span<const Row> rows) { ... });
  template <class A, class F>
  Handlers& batch(BatchOptions how, F handler, HandlerOptions options = {}) {
    if constexpr (check_job_type<A>() && detail::check_batch_handler<F, A>()) {
      if (detail::is_empty(handler)) {
        return add_batch(std::string(std::string_view(A::kind)), how, nullptr, std::move(options));
      }
      return add_batch(std::string(std::string_view(A::kind)), how,
                       [its = std::make_shared<const F>(std::move(handler))](BatchContext& context) {
                         return detail::call_typed_batch<A>(*its, context);
                       },
                       std::move(options));
    }
    return *this;
  }
  /// The untyped form; `context.job(i).params` has the JSON text:
  /// handlers.batch("row", {.size = 100}, [](sqlq::BatchContext& context) { ... });
  template <class F>
  Handlers& batch(std::string kind, BatchOptions how, F handler, HandlerOptions options = {}) {
    if constexpr (detail::check_untyped_batch_handler<F>()) {
      if (detail::is_empty(handler)) return add_batch(std::move(kind), how, nullptr, std::move(options));
      return add_batch(std::move(kind), how,
                       [its = std::make_shared<const F>(std::move(handler))](BatchContext& context) {
                         return detail::batch_outcomes_of(*its, context);
                       },
                       std::move(options));
    }
    return *this;
  }

  /// The handler of every kind that has none of its own. A worker with it claims the jobs of all kinds, also of those
  /// that nobody knows yet: for programs that pass jobs on, such as to a script named by `context.job().kind`. It is
  /// untyped, as the one above. Register it once.
  template <class F>
  Handlers& on_any(F handler, HandlerOptions options = {}) {
    if constexpr (detail::check_untyped_handler<F>()) {
      if (detail::is_empty(handler)) return add_any(nullptr, std::move(options));
      return add_any(
          [its = std::make_shared<const F>(std::move(handler))](JobContext& context) {
            return detail::outcome_of(*its, context);
          },
          std::move(options));
    }
    return *this;
  }

  /// Puts a hook around every handler of this table that is no batch handler, also those that are registered later. The
  /// first one is the outermost. Errors: invalid_argument for an empty one; misuse after a worker has started with the
  /// table.
  Handlers& around(WorkHook hook);

  /// The type was forgotten: says so.
  template <class F>
    requires(!std::is_convertible_v<F, std::string>)
  Handlers& on(F, HandlerOptions = {}) {
    static_assert(std::is_convertible_v<F, std::string>,
                  "sqlq: a handler is registered for a type of jobs, on<Job>(handler), or for the name of a kind, "
                  "on(\"kind\", handler)");
    return *this;
  }

  /// The entry of a kind, its own or that of on_any, or null. Pointers stay valid as long as any copy of the table
  /// lives.
  [[nodiscard]] const Entry* find(std::string_view kind) const noexcept;
  /// All kinds that have a handler of their own, sorted.
  [[nodiscard]] std::vector<std::string> kinds() const;
  /// Whether every kind has a handler: on_any was called.
  [[nodiscard]] bool any() const noexcept;
  /// Calls the entry's function with the hooks around it.
  [[nodiscard]] Outcome call(const Entry& entry, JobContext& context) const;
  /// Refuses further registrations; the worker calls it.
  void freeze() const noexcept;

 private:
  Handlers& add(std::string kind, Function handler, HandlerOptions options);
  Handlers& add_any(Function handler, HandlerOptions options);
  Handlers& add_batch(std::string kind, BatchOptions how, BatchFunction handler, HandlerOptions options);

  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sqlq
