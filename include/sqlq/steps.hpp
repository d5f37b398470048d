#pragma once
/// \file
/// Durable steps: a handler as a workflow that goes on after a crash, a retry, or a sleep of weeks.
///
///     handlers.on<Order>([](const Order& order, sqlq::JobContext& job) {
///       auto charge = job.step("charge", [&] { return pay(order); });
///       job.step(tx_of(connection), "book", [&] { insert_row(connection, order); });
///       job.sleep("cool-off", 24h);
///       auto approval = job.wait<Approval>("approved", std::chrono::days(7));
///       auto parts = job.all("parts", children);
///       if (job.since("new-tax-rule")) { ... }
///     });
///
/// The calls are members of JobContext (context.hpp). The handler runs from its top each time; a step whose result is
/// recorded is not run again but answers what was recorded. Steps are found by their names, never by their order: a
/// new version of the program may add, remove and reorder them. Within a loop they have a number:
/// `step("row", i, ...)`. Two steps of one execution must not have the same name and number (Error misuse).
///
/// **What is promised.** A result is recorded once, and only by the holder of the lease (I15). A step that has not been
/// recorded may have run: the process may die between its effect and its record. Recorded in your own transaction,
/// effect and record happen together: exactly once. A signal is never lost, also when it comes before anybody waits for
/// it (I16).
///
/// **Suspension.** `sleep`, `wait` and `all` unwind the handler by throwing Suspension, which is no std::exception, so
/// that destructors run; then the job is given back without charging an attempt, and holds no slot and no lease until
/// it is due. Code of yours that catches everything (`catch (...)`) must throw it on; if it does not, the attempt ends
/// as failed, with a message that says so.
///
/// **Limits.** Names are 1 to 255 bytes of UTF-8 without control characters. A value is JSON text of at most 1 MiB
/// (Error invalid_argument otherwise; a handler that lets "too large" through ends its job as errored, for another
/// attempt would repeat the effect). A job has at most 10,000 steps, signals included. All of them are deleted with
/// their job, or at its success where HandlerOptions::keep_steps is false. Admin::requeue keeps them: what was done
/// stays done; Admin::restart forgets steps from one on, and signals too when it is asked to.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sqlq/args.hpp>
#include <sqlq/clock.hpp>
#include <sqlq/error.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

/// Thrown through a handler to give its slot back. Catch it only to throw it on.
class SQLQ_TYPE Suspension {
 public:
  /// `until`: TimePoint::max() is for ever.
  explicit Suspension(TimePoint until) noexcept : until_(until) {}
  /// When the job goes on unless it is woken before.
  [[nodiscard]] TimePoint until() const noexcept { return until_; }

 private:
  TimePoint until_;
};

/// Names a step, a sleep, a wait, a signal. Implicit, for `job.step("charge", ...)`.
class StepName {
 public:
  /// The text must live as long as the name does.
  StepName(std::string_view name, std::int64_t number = 0) noexcept : name_(name), number_(number) {}  // NOLINT
  /// The same.
  StepName(const char* name, std::int64_t number = 0) noexcept : name_(name), number_(number) {}       // NOLINT
  /// The same.
  StepName(const std::string& name, std::int64_t number = 0) noexcept : name_(name), number_(number) {}  // NOLINT

  /// The text.
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  /// Tells steps of one name apart; 0 where none was given.
  [[nodiscard]] std::int64_t number() const noexcept { return number_; }

 private:
  std::string_view name_;
  std::int64_t number_;
};

/// What a row of a job's steps is. Stored as these numbers: never renumber.
enum class StepKind : std::uint8_t {
  result = 1,    ///< a step has run; `value` is what it returned
  sleep = 2,     ///< the job sleeps, or has slept, until `until`
  wait = 3,      ///< the job waits, or has waited, for the signal of this name until `until`
  signal = 4,    ///< a signal has come; `value` is what was sent
  expired = 5,   ///< a wait has ended without its signal
  decision = 6,  ///< `since` has decided; `value` is true or false
  children = 7,  ///< `all` has enqueued children; `value` is the JSON array of their ids
};
/// "result", "sleep", "wait", "signal", "expired", "decision", "children".
[[nodiscard]] SQLQ_API std::string_view to_string(StepKind kind) noexcept;

/// One row of a job's steps.
struct StepRecord {
  StepKind kind = StepKind::result;  ///< what was recorded
  std::string name{};                ///< StepName::name
  std::int64_t number = 0;           ///< StepName::number
  std::int64_t claim = 0;            ///< Job::claims of the execution that recorded it; 0: came from outside
  TimePoint at{};                    ///< when it was recorded
  std::optional<TimePoint> until{};  ///< of sleep and wait
  std::string value{};               ///< JSON text; empty: none
};

/// How a signal is stored when one of its name is there.
enum class SignalMode : std::uint8_t {
  first = 1,   ///< the first one wins: nothing is changed
  append = 2,  ///< it gets the next number: `wait` takes them by number
  /// The signal of number 0 gets the new value; where there is none it is stored. For one that was wrong: an execution
  /// that has read the old value goes on with it, each wait that reads later, in later executions too, gets the new
  /// one, and none gets a part of both. What the handler has done with the old value stays done, and the job is not
  /// hurried: one that waits for its next attempt goes on when that is due (Admin::run_now: at once).
  replace = 3,
};

/// The answer to a signal.
enum class SignalStatus : std::uint8_t {
  stored = 1,     ///< a job that waits for it goes on. Where its wait has ended without one (StepKind::expired), the
                  ///< signal is stored and nobody reads it: Admin::restart, once the job has finished, waits anew
  existing = 2,   ///< SignalMode::first, and one is there: nothing changed
  finished = 3,   ///< the job has finished: nothing changed
  not_found = 4,  ///< there is no such job
  replaced = 5,   ///< SignalMode::replace, and one was there: it has the new value
};
/// "stored", "existing", ...
[[nodiscard]] SQLQ_API std::string_view to_string(SignalStatus status) noexcept;

namespace detail {

/// In a handler of that Error: throws it with what was read before it, as in "the signal 'approved': the stored JSON
/// ...". An empty name: none.
[[noreturn]] SQLQ_API void refuse_stored(const Error& error, std::string_view what, StepName name);

/// Reads stored JSON; an error says which it was.
template <Encodable T>
[[nodiscard]] T read_stored(std::string_view text, std::string_view what, StepName name = "") {
  try {
    return codec<T>::decode(text);
  } catch (const Error& error) {
    refuse_stored(error, what, name);
  }
}

}  // namespace detail

/// How the children of `all` are read: the result that a child set, as a T. Throws Error(invalid_argument) where the
/// job has no result or another shape.
template <Encodable T>
[[nodiscard]] T result_of(const Job& job) {
  return detail::read_stored<T>(job.result, "the job's result");
}

}  // namespace sqlq
