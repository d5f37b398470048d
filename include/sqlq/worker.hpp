#pragma once
/// \file
/// The worker: claims jobs, runs their handlers on a pool of threads, and looks after leases, retries and clean-up.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/database.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/export.hpp>
#include <sqlq/handlers.hpp>
#include <sqlq/job.hpp>
#include <sqlq/log.hpp>
#include <sqlq/observer.hpp>
#include <sqlq/stop_token.hpp>

namespace sqlq {

/// Options of a worker; every field has a default.
struct WorkerOptions {
  /// Names of the queues to work; empty: all, also those made later.
  std::vector<std::string> queues{};
  /// Jobs run at once, at most 4096, and not less than the largest BatchOptions::size of its handlers. 0: the number of
  /// hardware threads, or that size if it is larger.
  unsigned concurrency = 0;
  /// Longest wait before looking for work without a wake-up; the net below lost wake-ups. 10 ms to 1 h. Where a
  /// database tells nobody of other processes' jobs, a worker that has just had one looks sooner: after 5 ms, and then
  /// after a quarter of the time since.
  Duration poll = std::chrono::seconds(2);
  /// How often leases that ended are looked for. 100 ms to 1 h; better at most half of the shortest keepalive, for a
  /// sweep also notices that somebody's lock keeps everybody from renewing. Finished jobs past their retention are
  /// deleted as often while there are any, else after twelve times as long.
  Duration sweep = std::chrono::seconds(5);
  /// stop() without options: how long running jobs may go on before their stop tokens are tripped...
  Duration drain_timeout = std::chrono::seconds(30);
  /// ... and how long handlers have after that before they are left behind (in any stop). stop() without options takes
  /// drain_timeout + grace at most.
  Duration grace = std::chrono::seconds(5);
  /// Where the jobs' logs go. Empty: database_log_sink.
  std::shared_ptr<LogSink> log_sink{};
  /// Called on a thread that the worker keeps for that, one call at a time, in the order of the events; what it throws
  /// is dropped. No lease or timeout waits for it; while 1000 events wait, more are left out, and counted in one that
  /// follows. It must not stop the worker. Empty: warnings and errors go to standard error.
  std::function<void(const WorkerEvent&)> on_event{};
  /// Told of all that the worker does: each claim, each start and end of a job, each WorkerEvent (observer.hpp).
  std::vector<std::shared_ptr<Observer>> observers{};
  /// Defaults for what its handlers enqueue through JobContext::client() and JobContext::all, and hooks for it. Without
  /// observers of its own, those of the worker are told of it.
  ClientOptions client{};
  /// Stored in the jobs it runs. Empty: host, process id and a random part. At most 255 bytes.
  std::string name{};
  /// How many jobs it claims at most; 0: no limit. After so many it claims nothing more and goes on running: stop it
  /// when WorkerStats::ended is as many. For programs that run one job, or that are started anew now and then.
  std::uint64_t max_jobs = 0;
};

/// How long a stop may take.
struct StopOptions {
  /// Worker::stop returns within this, whatever handlers, callbacks, network and database do. A limit below 1 s counts
  /// as 1 s: giving jobs back takes its time.
  Duration limit = std::chrono::seconds(35);
  /// How long running jobs may go on before their stop tokens are tripped. Zero: at once. Empty: WorkerOptions::grace
  /// before the end of the limit, but at least for half of it.
  std::optional<Duration> drain{};
};

/// Counts of the work of a worker so far; the last value is the summary of a run.
struct WorkerStats {
  std::uint64_t claimed = 0;    ///< jobs that it was given
  std::uint64_t succeeded = 0;  ///< executions that ended so
  std::uint64_t failed = 0;     ///< attempts that failed, retried or not
  std::uint64_t discarded = 0;  ///< ended for good by their handlers
  std::uint64_t snoozed = 0;    ///< put off by their handlers, or suspended
  std::uint64_t cancelled = 0;  ///< asked to stop, and ended so
  std::uint64_t released = 0;   ///< given back at stop, before or after they had started
  std::uint64_t lost = 0;       ///< outcomes refused or not sent because the lease was lost
  std::uint64_t abandoned = 0;  ///< handlers still running when stop returned: they ignored their stop token
  bool draining = false;        ///< an operator drains it now (Admin::drain): it claims nothing
  /// Slots in use now: for handlers that run, and for jobs that a claim under way may bring. Zero with
  /// claimed == ended(): it has nothing to do, and at that moment no claim was under way.
  std::uint64_t busy = 0;

  /// The claimed ones that this worker has done with: all but those that run or whose outcome is not written yet.
  [[nodiscard]] constexpr std::uint64_t ended() const noexcept {
    return succeeded + failed + discarded + snoozed + cancelled + released + lost;
  }
};

/// One process's runtime. Make one per process and set of queues; many processes may work the same queues.
///
/// Threads: one each for fetching, completing, heartbeats, timeouts, taking back jobs whose lease ended, deleting jobs
/// past their retention, maintenance, log shipping, firing schedules, taking in the rows of the inbox, letting in jobs
/// whose keys have room, what follows outcomes of workflows, and telling others that it is there (Admin::workers); a
/// second one for fetching and for completing with a concurrency of 512 or more; `concurrency` executors; and one for
/// your callbacks (on_event, stop callbacks), joined by another while all of those are busy. Heartbeats and timeouts
/// wait for none of your code and for no row that somebody has locked.
/// No exception leaves a thread and no fault of the database ends the process: services back off and try again, and say
/// so by events.
///
/// A cancellation reaches a running job at once where the database tells of it (capability cross_process_wakeup), else
/// within 3 s: then, and only while jobs run, heartbeats come each 2.5 s.
///
/// Thread-safety: all members from any thread; not from a handler it runs (stop would wait for itself).
/// Lifetime: the destructor stops the worker as stop() does. A handler or callback that does not return in time keeps
/// its thread (and the worker's internals) alive until it does; whatever it captured by reference must live as long. A
/// call to the database that was left behind keeps the Database alive until its own timeout. A static object may own a
/// worker, which then stops at exit; what its handlers use must be destroyed after it. exit() does not destroy objects
/// on main's stack: such a worker ends as in a crash, and its jobs come back when their leases end.
///
/// After fork(): a worker that the parent has made is dead in the child, where it has no threads. start, stop and run
/// throw Error(misuse) there, and the destructor does nothing. A fork() inside of your code that the worker calls
/// (handler, stop callback, on_event, log sink, retry policy) copies the thread that called it, too. Call exec or _exit
/// in that child: when it comes back instead, because it returned, threw or ended its thread, it is ended at once, with
/// exit code 70 and a line on standard error that says so. It runs no job of the parent and writes nothing. (A child of
/// vfork(), _Fork() or clone() is not noticed.)
///
/// Your code may end its thread (pthread_exit, pthread_cancel), though it should not. The job of a handler, retry
/// policy or LogSink::write that does so comes back when its lease ends, with a crash charged. Another thread takes the
/// place of the one that has ended, and no slot is lost. While the system refuses one, the worker has a slot less, and
/// tries again each second; events say so and how many executors are left (Code::thread_ended, IdleReason::no_thread).
/// When on_event ends its thread, the next events are told on another one. A LogSink whose flush ends its thread is
/// flushed no more. Threads of the worker that run no handlers cannot be cancelled. A stop callback that ends its
/// thread ends the process, as one that throws. Cancel a handler's thread only where it waits in its own code: inside
/// of a call of this library or of a database's client locks may stay held.
class SQLQ_API Worker {
 public:
  /// Errors: invalid_argument for options out of range and for handlers without any kind or on_any.
  Worker(Database db, Handlers handlers, WorkerOptions options = {});
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Checks the schema, starts the threads and returns. Errors: schema, connection, ...; misuse when it was started or
  /// stopped before. Freezes the handlers.
  void start();
  /// Stops, and returns when nothing of the worker runs any more and all outcomes and log lines are written; within
  /// `options.limit` in any case. In order:
  ///   1. nothing new is claimed, and jobs that no handler has begun are given back;
  ///   2. running jobs may finish for `options.drain`; then their stop tokens are tripped (StopReason::shutdown);
  ///   3. handlers that still run after WorkerOptions::grace, or when a tenth of the limit (at most 1 s) is left, are
  ///      left behind: WorkerStats::abandoned. HandlerOptions::on_stop decides about their jobs, and about those whose
  ///      handlers fail after their token was tripped;
  ///   4. outcomes and log lines are written: for `grace`, but at least 1 s, and not beyond the limit;
  ///   5. calls that do not return, because the network is silent, are left behind: their threads end when they do.
  ///      Outcomes that were not written are lost, and their jobs come back when their leases end; events say how many.
  /// Idempotent; allowed before start. While another thread stops the worker, a call with a nearer end hastens that
  /// stop, and returns with it. Returns the summary. Errors: invalid_argument for a negative time.
  WorkerStats stop(StopOptions options);
  /// The same, in so much time: stop({.limit = limit}).
  WorkerStats stop(Duration limit);
  /// The same, with the times of WorkerOptions.
  WorkerStats stop();
  /// start, wait until the token is tripped, stop. Returns the summary.
  WorkerStats run(sqlq::stop_token until);

  /// Looks for work now. A hint; never needed for correctness.
  void wake() noexcept;
  /// The counts so far. Also after stop.
  [[nodiscard]] WorkerStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sqlq
