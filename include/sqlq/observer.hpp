#pragma once
/// \file
/// Events: what workers and clients do, as values, for those who count, trace or alert.
///
///     auto metrics = std::make_shared<sqlq::Metrics>();                         // metrics.hpp: Prometheus
///     auto errors = sqlq::queued([](const sqlq::Event& event) {                 // anything else, on its own thread
///       if (const auto* end = std::get_if<sqlq::JobEnded>(&event); end && end->end == sqlq::JobEnd::errored) {
///         alert(end->job->kind, end->message);
///       }
///     });
///     sqlq::Client client{db, {.observers = {metrics}}};
///     sqlq::Worker worker{db, handlers, {.observers = {metrics, errors}}};
///
/// Observers see and change nothing. Hooks change: ClientOptions::hooks around enqueue, Handlers::around around work.
/// What must not be lost is no business of either, for events are told once at most: a process may die between what it
/// does and its event. Enqueue another job instead.
///
/// Without observers nothing is made, counted or timed for them.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

/// A client, a handler's client, JobContext::all or a schedule has asked for a job, and the database has answered.
struct JobEnqueued {
  JobId id{};  ///< of the new job, or of the one that was there already
  std::string queue{};  ///< of the job that was asked for
  std::string kind{};  ///< the same
  EnqueueStatus status = EnqueueStatus::inserted;  ///< whether it was stored
  bool in_transaction = false;  ///< of the user's: the job exists only if that commits, which is told to nobody
};

/// A worker has claimed jobs, or found none.
struct JobsClaimed {
  std::size_t asked = 0;  ///< free slots
  std::size_t got = 0;    ///< jobs that it was given
  Duration took{};        ///< from the request to the answer; a hand-over also writes outcomes in it
};

/// A worker calls the handler of a job now.
struct JobStarted {
  std::shared_ptr<const Job> job{};  ///< as it was claimed; keep it as long as you like
  /// From when it was due and in the queue until now; of a retry, from when the retry was due.
  Duration waited{};
};

/// How an execution ended.
enum class JobEnd : std::uint8_t {
  success,    ///< it succeeded
  retried,    ///< it failed and runs again (Cause::failed or timed_out)
  errored,    ///< it failed for good: no attempts were left
  discarded,  ///< the handler ended it for good
  cancelled,  ///< it was asked to stop, and has
  snoozed,    ///< the handler wants it to run later
  suspended,  ///< by a durable step: it sleeps, or waits
  released,   ///< given back with its attempt, also when its handler had not begun
  lost,       ///< its outcome was refused, or not sent, because the lease was lost or is given up; others run it
};
/// "success", "retried", ...
[[nodiscard]] SQLQ_API std::string_view to_string(JobEnd end) noexcept;

/// A worker has done with a job that it had claimed: the outcome is committed, or lost. For each claimed job it is told
/// once, but for jobs whose outcomes a stop could not write any more. Where the database answers that the job was
/// cancelled meanwhile, the end is `cancelled`.
struct JobEnded {
  std::shared_ptr<const Job> job{};  ///< as it was claimed
  JobEnd end = JobEnd::success;      ///< how the execution ended
  std::optional<Cause> cause{};      ///< as in the line of its history; empty for success and lost
  /// How long the handler ran, of a batch handler its whole call; of one that a stop has left behind, or that has ended
  /// its thread: until then. Empty: it was not begun, and no JobStarted was told.
  std::optional<Duration> ran{};
  /// As in the line of its history: of an error; of one that was snoozed or suspended, what for, or empty. Look at
  /// `end` before you take it for an error.
  std::string message{};
};

/// A worker's sweep has taken back jobs whose leases had ended: their workers died, hung or were cut off. These ends
/// are told by no JobEnded. A job that is `errored` here may go on later, when its worker says that it lives.
struct LeasesEnded {
  std::vector<JobId> returned{};   ///< back to pending
  std::vector<JobId> errored{};    ///< attempts or max_crashes used up
  std::vector<JobId> cancelled{};  ///< cancellation had been asked for
};

/// A worker has fired ticks of a schedule. Each of its jobs is told by a JobEnqueued before.
struct TicksFired {
  std::string schedule{};  ///< its name
  std::size_t ticks = 0;   ///< that have stored a job
};

/// Why a worker takes no jobs from a queue, as far as it can see.
struct IdleReason {
  /// The reason, for programs.
  enum class Why {
    paused,      ///< jobs wait and the queue is paused
    limit_used,  ///< jobs wait, and as many of the queue's are held as its concurrency allows: `limit`. `worker` holds
                 ///< the newest of them since `at` (both empty when the limit is 0)
    no_handler,  ///< jobs of `kind` wait, and the worker has no handler for it
    due_later,   ///< the jobs of its queues are all due later, the first `at`, in a minute or more; `queue` is empty
    no_thread,   ///< handlers ended the worker's threads, and the system refuses it new ones; `queue` is empty
    draining,    ///< an operator drains the worker (Admin::drain); `queue` is empty. Told at the next sweep, also while
                 ///< it is busy with the jobs that it has
    other_case,  ///< no queue has this name of WorkerOptions::queues; `other` differs from it in upper and lower case
  };
  Why why{};                      ///< the reason; it says which of the fields below are set
  std::string queue{};            ///< the queue that it is about
  std::string kind{};             ///< of the jobs that wait
  std::string other{};            ///< the name that the queue has
  std::string worker{};           ///< who holds the newest job
  std::uint32_t limit = 0;        ///< the concurrency of the queue
  std::optional<TimePoint> at{};  ///< since when or until when; empty: unknown
};

/// Something a worker wants somebody to know.
struct WorkerEvent {
  /// How much it matters. info: all is well; warning: it works on, look when you can; error: jobs wait or were hurt.
  enum class Level {
    info,     ///< all is well
    warning,  ///< the worker works on; look when you can
    error,    ///< jobs wait, or an outcome was lost
  };
  /// The topic, for programs; the message says the same to people. Values may be added.
  enum class Code {
    other,            ///< anything else; also what a newer library adds, for older programs
    service_failed,   ///< a service could not do its turn; it backs off and tries again
    lease_lost,       ///< a job's lease was lost; its outcome will be refused
    outcome_late,     ///< an outcome came after the lease was lost and was refused
    outcome_refused,  ///< the database refused a job's outcome, start or reaping for good: the message says what then
    log_refused,      ///< the database refused a log line for good; it was left out
    thread_ended,     ///< a handler or a log sink has ended its thread; or the system refused a new one for it, or has
                      ///< given it: the message says how many executors there are
    schedule_failed,  ///< a tick of a schedule could not be fired, or this worker cannot read the schedule: the message
                      ///< names it and says why; the others fire
    idle,             ///< the worker leaves jobs alone: `idle` and the message say why. At most one a minute
  };
  Level level = Level::info;   ///< how much it matters
  Code code = Code::other;     ///< the topic
  std::string service{};       ///< the part of the worker: "fetcher", "completer", "heartbeat", ...
  std::string message{};       ///< one line, control characters as escapes (\n); no payload, no password
  std::optional<JobId> job{};  ///< if it is about one job
  /// Code::idle: the reasons, at most 10. no_handler is also told while the worker is busy with other jobs.
  std::vector<IdleReason> idle{};
};

/// One thing that happened. Alternatives and fields may be added: look for those that you know with std::get_if.
///
/// Not told: what own loops do (Client::claim, finish, reap), what operators do (Admin, Bulk), what is imported or
/// copied, and the cancel of a job that has not begun.
using Event = std::variant<JobEnqueued, JobsClaimed, JobStarted, JobEnded, LeasesEnded, TicksFired, WorkerEvent>;

/// Is told of events, at once and by the thread on which they happen: that of a handler, of a service of the worker, of
/// the caller of enqueue. Derive from it for what takes microseconds, such as counters; for all else take `queued`.
///
/// Thread-safety: `observe` is called from many threads at once. Lifetime: shared by the clients and workers that it is
/// given to; threads that a stop has left behind may tell it of something after the stop.
class SQLQ_TYPE Observer {
 public:
  Observer() = default;
  virtual ~Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// Must not wait, for the job or lease at hand waits for it; must not call the worker or the database. What it throws
  /// is dropped. It must not end its thread: that ends the process. Of one job the events come in their order; a worker
  /// may start it before JobEnqueued is told.
  virtual void observe(const Event& event) = 0;
};

/// Options of `queued`.
struct QueuedOptions {
  /// While so many events wait, more are left out. 1 to 1,000,000. A WorkerEvent of the service "events" says how many,
  /// each time that there is room again: only to this `tell`, before the next event that waits. Metrics does not count
  /// it.
  std::size_t most_waiting = 10'000;
  /// How long its end waits for what still waits in it. At least 0.
  Duration grace = std::chrono::seconds(1);
};

/// An observer that has `tell` called on a thread that it keeps for that, one call at a time, in the order of the
/// events. `tell` may take its time: no job, lease or enqueue waits for it. What it throws is dropped; when it ends its
/// thread, another one goes on. Events cost a copy each: ask for it only where you need it.
///
/// Lifetime: its end tells what waits, for `grace` at most. A call that does not return by then keeps its thread; what
/// `tell` refers to must live as long.
/// After fork(): in the child it tells nothing. A child that comes out of `tell` is ended (worker.hpp).
/// Errors: invalid_argument for an empty function or options out of range; busy when the system refuses a thread.
[[nodiscard]] SQLQ_API std::shared_ptr<Observer> queued(std::function<void(const Event&)> tell,
                                                        QueuedOptions options = {});

}  // namespace sqlq
