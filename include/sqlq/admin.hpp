#pragma once
/// \file
/// Everything an operator sees and does: queues, jobs, histories, logs. Paged and bounded; never touches a lease.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/client.hpp>
#include <sqlq/database.hpp>
#include <sqlq/explain.hpp>
#include <sqlq/export.hpp>
#include <sqlq/filter.hpp>
#include <sqlq/finding.hpp>
#include <sqlq/job.hpp>
#include <sqlq/limits.hpp>
#include <sqlq/log.hpp>
#include <sqlq/worker_info.hpp>

namespace sqlq {

/// Settings of a queue. Queues are made by the first enqueue with these defaults, or by Admin::create_queue.
struct QueueOptions {
  std::string description{};                   ///< at most 64 KiB of UTF-8
  std::optional<std::uint32_t> concurrency{};  ///< running jobs over all workers; empty: no limit; 0: none may run
  int priority = 1;                            ///< lower number first, before any job's priority
};

/// A queue as it is now.
struct Queue {
  std::string name{};                          ///< 1 to 255 bytes of UTF-8, compared byte by byte
  std::string description{};                   ///< for people; empty: none
  std::optional<std::uint32_t> concurrency{};  ///< jobs held at once over all processes; 0: none; empty: no limit
  int priority = 1;                            ///< lower number first, among queues
  bool paused = false;                         ///< true: nothing of it is claimed
  TimePoint created_at{};                      ///< when the queue was made
};

/// Where a page begins. Pages go from the newest job to the oldest (by id); a job enqueued meanwhile changes no page
/// already read.
struct Page {
  std::optional<JobId> before{};  ///< the last id of the page before; empty: the first page
  std::size_t limit = 100;        ///< 1 to 1000
  bool payloads = true;           ///< false: the jobs come without params and result, which are not read
};

/// The result of one step of a list.
struct JobPage {
  std::vector<Job> jobs{};      ///< newest first; may be fewer than the limit, even none, though more follow
  std::optional<JobId> next{};  ///< Page::before of the next step; empty: no more jobs follow
};

/// A number that was counted only so far.
struct CappedCount {
  std::uint64_t value = 0;  ///< what was counted
  bool capped = false;      ///< true: there are more than `value`
};
/// How many jobs there are in each state.
using JobCounts = std::map<JobState, CappedCount>;

/// Answer to requeue.
enum class RequeueStatus {
  requeued,      ///< finished -> pending, attempts and crashes back to zero
  not_finished,  ///< it will run anyway; nothing changed
  duplicate,     ///< a live job has its unique key; nothing changed
  not_found,     ///< there is no such job
};
/// "requeued", "not_finished", ...
[[nodiscard]] SQLQ_API std::string_view to_string(RequeueStatus status) noexcept;

/// What a finished job forgets before it runs again (Admin::restart). Steps are in the order of their recording.
struct RestartOptions {
  /// This step and all after it: a step, sleep, wait or children with that name and number, the first of them if there
  /// are several. Empty: all, so that it begins anew.
  std::optional<std::string> from{};
  std::int64_t number = 0;  ///< of `from`; without that it must be 0 (Error invalid_argument)
  /// Its signals too, from that step on: those whose waits are forgotten and, of those that nothing has waited for, the
  /// ones that came after that step. Its handler waits for them again, and they may be sent once more. False: all
  /// signals stay.
  bool forget_signals = false;
};

/// Answer to what an operator does to one job.
enum class ActionStatus {
  done,       ///< it was changed
  unchanged,  ///< the job is in no state for it; nothing changed
  not_found,  ///< there is no such job
};
/// "done", "unchanged", ...
[[nodiscard]] SQLQ_API std::string_view to_string(ActionStatus status) noexcept;

/// The state of a job after its lease was taken away.
enum class AfterTaking {
  pending,  ///< it runs again; the attempt is given back
  errored,  ///< it has ended; the attempt stays charged
};

/// A queue with its numbers.
struct QueueStats {
  Queue queue{};                          ///< its settings
  JobCounts counts{};                     ///< by state, each capped; every state is present
  std::optional<TimePoint> oldest_due{};  ///< since when the job that waits longest could have run; empty: none waits
  /// How long that is: age(std::chrono::system_clock::now()). Zero when none waits, and when the clocks disagree.
  [[nodiscard]] Duration age(TimePoint now) const noexcept {
    if (!oldest_due || *oldest_due >= now) return Duration::zero();
    const Duration due = oldest_due->time_since_epoch();
    const Duration at = now.time_since_epoch();
    return due < Duration::zero() && at > Duration::max() + due ? Duration::max() : at - due;
  }
  /// For a time of any unit, such as `system_clock::now()`.
  template <class Unit>
  [[nodiscard]] Duration age(std::chrono::sys_time<Unit> now) const noexcept {
    return age(to_time_point(now));
  }
};

/// The result of a purge.
struct PurgeReport {
  std::size_t deleted = 0;    ///< jobs that are gone
  std::vector<JobId> kept{};  ///< the database refused: something of yours refers to them. Tried again in a day
};

/// Which jobs of a queue go with it.
struct DeleteQueueOptions {
  bool finished = false;  ///< finished ones are deleted, with logs and histories
  bool waiting = false;   ///< pending, scheduled and waiting ones are cancelled first, and then count as finished
};

/// Answer to delete_queue.
enum class DeleteQueueStatus {
  deleted,    ///< the queue is gone, with the jobs that were to go
  not_empty,  ///< jobs are left in it that were not to go, or run: the queue stays (others may have gone already)
  not_found,  ///< there is no such queue
};
/// "deleted", "not_empty", ...
[[nodiscard]] SQLQ_API std::string_view to_string(DeleteQueueStatus status) noexcept;

/// A kind of job that waits in a queue.
struct WaitingKind {
  std::string queue{};  ///< where they wait
  std::string kind{};   ///< what they are
};

/// The operator's side. Cheap to copy. Thread-safety: all members from any thread. Errors: as Client.
class SQLQ_API Admin {
 public:
  /// On this database; throws nothing and asks it nothing.
  explicit Admin(Database db) : db_(std::move(db)) {}

  // ------------------------------------------------------------------------------------------------- queues
  /// Makes the queue or, if it is there, gives it these settings (pause is kept).
  void create_queue(const std::string& name, const QueueOptions& options = {});
  /// Changes one setting. Error(invalid_argument) when there is no such queue. A lowered limit stops no running job;
  /// nothing is claimed until enough have finished.
  void set_description(const std::string& name, const std::string& description);
  /// Empty: no limit. 0: nothing is claimed.
  void set_concurrency(const std::string& name, std::optional<std::uint32_t> limit);
  /// Lower numbers come first.
  void set_priority(const std::string& name, int priority);
  /// No claim that starts after this returned takes a job of the queue; running jobs go on.
  void pause(const std::string& name);
  /// Undoes `pause`.
  void resume(const std::string& name);
  /// The queue as it is now; empty if there is none.
  [[nodiscard]] std::optional<Queue> queue(const std::string& name) const;
  /// In order of name, at most `limit` (1 to 10,000) after the name given.
  [[nodiscard]] std::vector<Queue> queues(const std::string& after = {}, std::size_t limit = 1000) const;
  /// All queues with their numbers: jobs by state, each counted up to `cap` (1 to 1,000,000), and since when the job
  /// waits that waits longest. In order of name. Costs some ten statements a queue.
  [[nodiscard]] std::vector<QueueStats> stats(std::uint64_t cap = 10000) const;
  /// The same of one queue; empty when there is none of that name.
  [[nodiscard]] std::optional<QueueStats> stats(const std::string& queue, std::uint64_t cap = 10000) const;
  /// Forgets a queue without jobs and its settings. It is there again, with the defaults, while it has jobs (an enqueue
  /// that is under way may still bring one), and for good after create_queue. Not atomic when it deletes jobs: called
  /// again it goes on.
  DeleteQueueStatus delete_queue(const std::string& name, const DeleteQueueOptions& options = {});

  // ------------------------------------------------------------------------------------------------- limits by key
  // limits.hpp says what they are. Error(configuration) where the backend has none (capability `limits`);
  // Error(invalid_argument) for numbers out of range.

  /// Limits for each key of the queue that has none of its own. The queue is made if there is none. A lowered limit
  /// stops no job that was let in.
  void set_key_limits(const std::string& queue, const KeyLimits& limits);
  /// Limits of one key; empty: those of the queue again.
  void set_key_limits(const std::string& queue, const std::string& key, const std::optional<KeyLimits>& limits);
  /// Those of each key of the queue; the defaults, which limit nothing, when none were set.
  [[nodiscard]] KeyLimits key_limits(const std::string& queue) const;
  /// Keys that have jobs, limits of their own or a state, in order of key, at most `limit` (1 to 1,000) after the one
  /// given.
  [[nodiscard]] std::vector<KeyStatus> keys(const std::string& queue, const std::string& after = {},
                                            std::size_t limit = 100) const;
  /// One of them; a status without jobs when nothing is known of it.
  [[nodiscard]] KeyStatus key(const std::string& queue, const std::string& key) const;
  /// No job of the key is let in for so long, unless it was shut for longer already; those that run go on. The longest
  /// Duration: until open_key.
  void shut_key(const std::string& queue, const std::string& key, Duration pause);
  /// Lets jobs in again: after shut_key, Outcome::throttled and AfterError::hold.
  void open_key(const std::string& queue, const std::string& key);

  // ------------------------------------------------------------------------------------------------- jobs
  /// The job as it is now; empty if there is none.
  [[nodiscard]] std::optional<Job> find(JobId id) const;
  /// One page. It is full unless it is the last. However many jobs there are,
  /// - a page is quick (milliseconds) when the newest 2,000 jobs below `before` fill it, and without a filter;
  /// - it is quick (a tenth of a second at most) when at most 10,000 jobs have the filter's states, queues and kinds: a
  ///   few errored jobs among millions, a rare kind, or no job at all; and with ids, which are looked up;
  /// - it is slow only when neither holds: then the search reads all jobs between `before` and the end of the page,
  ///   about a million in 0.5 s (an embedded database) to 2 s (a server). It takes the steps of list_step, each of
  ///   which is a call of its own and sees its own snapshot.
  [[nodiscard]] std::vector<Job> list(const JobFilter& filter = {}, const Page& page = {}) const;
  /// One step of `list`, which is always quick: it reads at most some 60,000 jobs, whatever the filter. A caller that
  /// must answer soon, such as a web page, shows what was found and goes on with Page{.before = *next}.
  [[nodiscard]] JobPage list_step(const JobFilter& filter = {}, const Page& page = {}) const;
  /// Jobs by state, of one queue or (empty) of all, each counted up to `cap` (1 to 1,000,000). Every state is
  /// present. Other jobs cost nothing. A job that is counted costs
  /// 0.1 us (an embedded database) to 3 us (a server): 30 ms for each state at the default cap, and seconds at a
  /// million.
  [[nodiscard]] JobCounts counts(const std::string& queue = {}, std::uint64_t cap = 10000) const;
  /// The history of the job's earlier attempts, oldest first, at most `limit` (1 to 1000).
  [[nodiscard]] std::vector<AttemptRecord> history(JobId id, std::size_t limit = 100) const;
  /// The newest line of each job's history: for an errored job, its last error. In the order of the ids; none where the
  /// history is empty or no such job is there. One query for a whole page of `list`: at most 1,000 ids.
  [[nodiscard]] std::vector<std::optional<AttemptRecord>> last_records(std::span<const JobId> ids) const;
  /// Lines of the job's log in order, after the (claim, number) given; at most `limit` (1 to 10,000). A worker sends
  /// them about every second, and before the outcome of the job that wrote them: a finished job has its lines. They
  /// come later only when the job was finished in its handler's own transaction (complete_in), or when the database did
  /// not take them at first.
  [[nodiscard]] std::vector<LogLine> logs(JobId id, std::pair<std::int64_t, std::int64_t> after = {0, 0},
                                          std::size_t limit = 1000) const;
  /// As Client::cancel.
  CancelStatus cancel(JobId id);
  /// Runs a finished job again: same id, params and history; recorded with cause `requeued`.
  RequeueStatus requeue(JobId id);
  /// The job's durable steps, in the order of their recording. Empty where there are none, or no such job. Errors:
  /// configuration where the backend has no steps (capability `steps`).
  [[nodiscard]] std::vector<StepRecord> steps(JobId id) const;
  /// Puts a finished job back (as requeue) that forgets what it has done from a step on (RestartOptions). Errors:
  /// invalid_argument when the job has no such step: nothing is changed; configuration where the backend has no steps
  /// (capability `steps`). Not atomic: where an error comes in between, the steps may be forgotten and the job not put
  /// back; then requeue it.
  RequeueStatus restart(JobId id, const RestartOptions& options);
  /// The same; signals stay.
  RequeueStatus restart(JobId id, const std::optional<std::string>& from = {}, std::int64_t number = 0) {
    return restart(id, RestartOptions{.from = from, .number = number});
  }
  /// scheduled -> pending, due now. One that waits for its key is due now, too, and waits on until that has room.
  ActionStatus run_now(JobId id);
  /// Takes a running job away from its worker, which is told by its next heartbeat and can write nothing for it any
  /// more; its handler may go on until then. running -> pending or errored, with cause `taken_away`; one that is being
  /// cancelled ends as cancelled.
  ActionStatus take_away(JobId id, AfterTaking then = AfterTaking::pending);
  /// Deletes a finished job with its log and history, whatever its retention. Error(refused) when something of yours,
  /// such as a foreign key, keeps it.
  ActionStatus erase(JobId id);
  /// Why the job does not run: every reason that holds, the one to be seen to first first, each from what the database
  /// says at this moment, never a guess. It may take some tens of short statements. A job that runs or has ended has
  /// one reason. Workers that may not write to the table of workers are not known, and where the backend keeps no such
  /// table nothing is said about workers. Works also while the schema is of another version: that is the reason then.
  [[nodiscard]] std::vector<Reason> explain(JobId id) const;
  /// Kinds of the jobs that are pending, or scheduled and due, by queue; for finding jobs nobody has a handler for. At
  /// most 1000.
  [[nodiscard]] std::vector<WaitingKind> waiting_kinds() const;
  /// Deletes finished jobs past their retention, with logs, history and steps. A worker does it every sweep. A job that
  /// the database refuses to delete, because of a foreign key or trigger of yours, stays, is named and is not tried
  /// again for a day; the others go. Errors: Errc::retry_transaction after some seconds while somebody has locked what
  /// is to go; what was deleted before stays deleted.
  PurgeReport purge();

  // ------------------------------------------------------------------------------------------------- workers
  // Error(configuration) where the backend keeps no list of workers (capability `workers`).

  /// The workers that run, in order of (name, id), at most `limit` (1 to 10,000) after the one given. A worker that was
  /// killed is listed until it was not seen for worker_expiry. A worker that may not write to the table of workers is
  /// not listed, though it works.
  [[nodiscard]] std::vector<WorkerInfo> workers(const WorkerInfo& after = {}, std::size_t limit = 1000) const;
  /// All workers of that name claim nothing more within 15 s, and end what they hold; they go on running and say
  /// so by events (IdleReason::Why::draining). `on` = false lets them claim again. It does not outlast the worker: one
  /// that is started again under the same name claims. False: no worker of that name is listed; nothing changed.
  bool drain(const std::string& worker, bool on = true);

  // ------------------------------------------------------------------------------------------------- health
  /// What is doubtful about this installation, errors first: the schema against what this library expects (tables,
  /// columns, indexes), versions with known defects, durability, isolation, poolers, long transactions that hold old
  /// snapshots, sizes, clocks; and jobs that wait for a handler or a worker that is not there. Empty: nothing to say.
  /// What this user may not look at is a note. It reads only, in short statements, and works also while the schema is
  /// of another version. docs/operations.md lists all codes.
  [[nodiscard]] std::vector<Finding> doctor() const;

 private:
  Database db_;
};

}  // namespace sqlq
