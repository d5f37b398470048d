#pragma once
/// \file
/// THE seam. A backend implements `Dialect`; the core says everything it wants from a database through it.
///
/// To add a backend:
///   1. implement `Dialect` with public headers only; start from the operations' contracts below;
///   2. write the migrations that make your tables; their layout is yours: the contracts are about meaning;
///   3. `backend::register_backend("yourscheme", factory)` in the application, then `sqlq::open("yourscheme://...")`;
///   4. instantiate the conformance suite (sqlq/conformance/suite.hpp) with a factory for scratch databases and run it.
///      It is the specification; a capability you do not declare is reported, not tested.
///
/// Rules for every operation, unless its own contract says otherwise:
///   - **Atomic.** All of it or none of it, for any crash at any moment. On an exception nothing was changed, except
///     with Errc::outcome_unknown.
///   - **Bounded.** By the `limit` given and in time: no call blocks longer than the backend's documented timeouts.
///   - **Per-item answers** in the order of the items. An item that cannot be done is an answer, not an exception, and
///     does not keep the others from being done.
///   - **Replay-safe.** Repeating a call with the same ids and tokens after an unknown outcome does no harm; what a
///     replay answers is said below.
///   - **Durable.** When it returns, it survives a crash of client and server (as far as the user's durability options
///     promise).
///   - **Thread-safe.** Any number of threads, any number of processes on the same storage.
///   - **Validated input.** The core has checked names, JSON, ranges and batch sizes. Names compare byte by byte.
///   - **Time.** `now`: empty means the backend's own clock (the server's, or the host's for embedded databases);
///     given means a test owns the time: use exactly that, `wall` for due times and stamps, `steady` for leases. Where
///     leases are measured by the host's clock, keep `Clock::steady_epoch` with them, and ask the factory's clock for
///     it: leases of another epoch have ended, for the host was restarted.
///   - **Errors.** Only `sqlq::Error`, classified (error.hpp), without payloads, bound values and passwords. Transient
///     conflicts (deadlock, serialization) are retried inside, bounded; they surface only when that did not help.
///     Without its tables every operation but those of the schema ends in Errc::schema.
///
/// Words: a job is *live* while it is not finished; *held* while running or cancelling. Texts a backend writes into
/// histories and logs are its own; one about a job that was refused is ASCII and begins with "the database refused ".

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/backend/capabilities.hpp>
#include <sqlq/backend/extensions.hpp>
#include <sqlq/backend/reading.hpp>
#include <sqlq/backend/requests.hpp>
#include <sqlq/client.hpp>
#include <sqlq/error.hpp>
#include <sqlq/export.hpp>
#include <sqlq/log.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/tx.hpp>

namespace sqlq::backend {

/// Keeps a subscription alive; destroying it ends it (and waits for a callback that is running).
class SQLQ_TYPE Subscription {
 public:
  virtual ~Subscription() = default;
};

/// The part that every backend has. Reading is an interface of its own (reading.hpp), and so is each optional part
/// (extensions.hpp).
class SQLQ_TYPE Dialect : public Reading {
 public:
  // ---------------------------------------------------------------------------------------------- the backend itself

  /// What the backend can do. Fixed as long as it lives.
  [[nodiscard]] virtual const Capabilities& capabilities() const noexcept = 0;
  /// Backend, version, place; no password.
  [[nodiscard]] virtual std::string description() const = 0;
  /// What is worth telling an operator about this installation, as Admin::doctor; empty when all is well. Works also
  /// without the tables.
  [[nodiscard]] virtual std::vector<Finding> self_check() = 0;

  // ---------------------------------------------------------------------------------------------- schema

  /// The steps this backend knows, in order, versions 1, 2, ...
  [[nodiscard]] virtual std::span<const Migration> migrations() const noexcept = 0;
  /// How the schema stands. Works on a database without any sqlq table. Changes nothing.
  [[nodiscard]] virtual MigrationStatus migration_status() = 0;
  /// Brings the schema up or down to `target` (0 to the latest), under a lock that holds off all other callers; each
  /// then finds the work done and returns 0. `up` never undoes a step, `down` never applies one: a schema that is
  /// beyond the target already is left alone. Resumable after a crash at any point. Refuses (Errc::schema, nothing
  /// changed) when status().problem is not empty. Returns the number of steps run.
  virtual int migrate(Direction direction, int target, Now now) = 0;
  /// Drops every object of sqlq, also of newer or damaged schemas, and nothing else. Replay: nothing to do.
  virtual void teardown() = 0;

  // ---------------------------------------------------------------------------------------------- producing

  /// Stores jobs, making queues on first use with default settings.
  ///
  /// Post: for each item either a new job (inserted; pending when due, else scheduled) or, when its id exists or a live
  /// job has its unique key, nothing but that job's id. Two items of one batch may collide; the first wins.
  /// With `within`: written into that transaction and nothing else done to it (a queue that is new may be made outside
  /// of it, and stays when it is rolled back); Errc::misuse if it is not inside a transaction, Errc::invalid_argument
  /// if it is not a handle of this backend (without borrowed_transactions none is), Errc::schema if its database has no
  /// sqlq tables. On an exception the user's transaction may be left with part of the batch: he must roll back.
  /// Several batches at once may hold each other up, but never for ever: their items are locked in one order. An item
  /// waits for the transactions that are storing its unique key or its id, and for nobody else's.
  /// A call that tries again inside answers what the whole call has done: `inserted` for each job that an earlier try
  /// of it has stored. Replay, a second call: the same ids, `existing_id` or `existing_key`.
  virtual std::vector<Enqueued> enqueue(std::span<const EnqueueItem> items, const Tx* within, Now now) = 0;

  /// Asks jobs to stop.
  ///
  /// Post per job: pending or scheduled -> cancelled at once (history: Cause::cancelled); running -> cancelling;
  /// cancelling: unchanged, answers `cancelling`; finished or unknown: unchanged. No other job is touched. Watchers of
  /// wake-ups may be told. `within` as for enqueue. Replay: cancelled jobs answer `finished`.
  virtual std::vector<CancelStatus> cancel(std::span<const JobId> ids, const Tx* within, Now now) = 0;

  // ---------------------------------------------------------------------------------------------- working

  /// Takes up to `limit` jobs.
  ///
  /// Takes jobs that are pending, or scheduled and due (a scheduled job that is due counts as pending: no other call is
  /// needed before), of the queues and kinds asked for, not in a paused queue. Order: queue priority, job priority, due
  /// time, insertion; exact for a single claimer, best effort between concurrent ones and, for a few seconds, where the
  /// database has become slow to find the first job (the backend's README says when). Post: each job returned is
  /// running, with attempt + 1, claims + 1, this token and worker, started_at = heartbeat_at = now and a lease of its
  /// keepalive. At no instant are more jobs of a queue held than its concurrency. No job is given to two callers. Of
  /// all suspects no more are taken than the request says. Cost does not depend on the number of finished, not-due or
  /// other queues' jobs. A job that the database refuses to start for good (Errc::refused) does not keep the others
  /// from it. It is ended as errored (history: Cause::failed) when another job was started or no other was refused;
  /// else, or when that is refused too, this handle passes it over for a minute. Either way it is named in `refused`.
  /// May throw when many are refused and none can be started. Replay after an unknown outcome: do not, for what it took
  /// comes back, at the latest when its lease ends.
  virtual ClaimResult claim(const ClaimRequest& request) = 0;

  /// Ends leases as their holders ask.
  ///
  /// Per item: if the job is held and its token is `token`: done; a job in `cancelling` ends as cancelled whatever the
  /// kind (its result is kept) and answers `cancelled`; else `applied`. If the job's token is still `token` but the
  /// job is no longer held, this lease was ended before: `already_applied` when that was asked for by the same kind
  /// (its result, message and delay stay as they were first said), else `ended_otherwise`. Else `stale`. The token
  /// stays on the row until the next claim, reap or requeue takes it away. Items of one lease count in their order.
  /// Post: state, result, stamps and history are written together; the concurrency slot is free. Retention sets when
  /// it may be purged: the job's own, or the defaults of job.hpp. Of each job's history the last 1,000 lines stay.
  /// `within` as for enqueue. Replay: already_applied, also for what was answered `cancelled` (or stale when the job
  /// went on meanwhile).
  virtual std::vector<FinishStatus> finish(std::span<const Finish> items, const Tx* within, Now now) = 0;

  /// Renews leases: each held job whose token is shown gets now + its keepalive; never revives a lost lease.
  /// Replay: renews again.
  virtual std::vector<LeaseStatus> heartbeat(std::span<const LeaseRef> leases, Now now) = 0;

  /// Stores results and progress of held jobs, for everybody to read from then on.
  ///
  /// Per item: false, and nothing changed, unless the job is held with that token; also where somebody has its row
  /// locked: this waits for nobody. Progress is of this execution: what an earlier one told is not read any more.
  /// Replay: the same once more.
  virtual std::vector<bool> publish(std::span<const Interim> items, Now now) = 0;

  /// Takes back up to `limit` jobs of these queues (empty: all) whose lease had ended at the time of the write itself:
  /// a job renewed or finished meanwhile is never touched. A call that waits for a lock on the whole table takes back
  /// only jobs whose lease had ended before it began to wait. Where the process has found that nobody could write,
  /// leases that ended meanwhile are left for a moment, in which their holders can renew them. `limit` may be 0: then
  /// the call only waits until it could write.
  ///
  /// Post per job: token taken away, crashes + 1, history Cause::lease_ended, one warn line in its log, numbered after
  /// those of this claim; cancelling -> cancelled, else pending (put back now, due when it was) while attempt <
  /// max_attempts and crashes < max_crashes, else errored; but a suspect that was claimed with a negative token is not
  /// errored for its crashes. finished_at is set only for finished ones. A job that the database refuses to take back
  /// for good (Errc::refused) does not keep the others from it; it is ended as errored (history: Cause::failed). If
  /// that is refused too, it stays as it is, keeps its place in its queue's limit and is named in `refused`. Replay:
  /// finds them gone.
  virtual ReapReport reap(std::span<const std::string> queues, std::size_t limit, Now now) = 0;

  // ---------------------------------------------------------------------------------------------- housekeeping

  /// Deletes up to `limit` finished jobs whose retention has passed, with their logs and histories. Those of them that
  /// the database refuses to delete (a foreign key of the user's) are kept for another day, and do not keep the others;
  /// a call may leave many of them to the next one.
  virtual PurgeReport purge(std::size_t limit, Now now) = 0;
  /// finished -> pending with attempt = crashes = 0, no token, no result, due and put back now, history
  /// Cause::requeued; `claims` goes on counting.
  virtual std::vector<RequeueStatus> requeue(std::span<const JobId> ids, Now now) = 0;

  /// Does what an operator asks of single jobs. A job that is in no state for it is `unchanged`. Errc::refused, nothing
  /// changed, when the database keeps one of those to be erased. Replay: unchanged, or not_found for what was erased.
  virtual std::vector<ActionStatus> act(std::span<const JobId> ids, Action what, Now now) = 0;

  // ---------------------------------------------------------------------------------------------- queues

  /// Makes the queue or gives it these settings; `paused` is left as it is.
  virtual void queue_upsert(std::string_view name, const QueueOptions& options, Now now) = 0;
  /// Changes single settings in one step, so that two operators do not undo each other's. Returns false when there is
  /// no such queue. Binding for every claim that starts after this returned.
  virtual bool queue_update(std::string_view name, const QueueChange& change) = 0;
  /// Forgets a queue that has no job at all, and its settings; the answers are those of Admin. A job that is enqueued
  /// at the same time is never lost: a deleted queue is there (for all calls of this section, with default settings) as
  /// long as it has a job, and for good after queue_upsert or queue_update. Replay: not_found.
  virtual DeleteQueueStatus queue_delete(std::string_view name) = 0;

  // ---------------------------------------------------------------------------------------------- logs

  /// Stores lines whose token is still the job's token (held, or ended by that lease). Answers which were accepted. Of
  /// each job the last 10,000 lines stay, and of these the last 8 MiB; older ones go now and then, so that a few
  /// thousand more may be there.
  /// Replay: a line already there (job, claim, number) is accepted and not doubled.
  virtual std::vector<bool> append_logs(std::span<const LogLine> lines) = 0;

  // ---------------------------------------------------------------------------------------------- wake-ups

  /// Calls `hint` when there may be new work or news for running jobs (a job became claimable, a cancel): for commits
  /// of this handle at once; for others as capability cross_process_wakeup says. Hints are only hints: late, lost and
  /// needless ones are allowed. `hint` is called from any thread, also inside other operations of this object, and must
  /// neither block nor call back. The subscription must not outlive the dialect.
  [[nodiscard]] virtual std::unique_ptr<Subscription> subscribe(std::function<void()> hint) = 0;

  // ---------------------------------------------------------------------------------------------- optional parts
  // extensions.hpp says what they are. Null: the backend does not have it.

  /// Ends and claims in one call.
  [[nodiscard]] virtual HandOver* hand_over() noexcept { return nullptr; }
  /// Tells outages from crashes.
  [[nodiscard]] virtual Outages* outages() noexcept { return nullptr; }
  /// Lists the workers.
  [[nodiscard]] virtual Workers* workers() noexcept { return nullptr; }
  /// Changes jobs that wait.
  [[nodiscard]] virtual Editing* editing() noexcept { return nullptr; }
  /// What explain and doctor ask.
  [[nodiscard]] virtual Insight* insight() noexcept { return nullptr; }
  /// Whole jobs out and in.
  [[nodiscard]] virtual Transfer* transfer() noexcept { return nullptr; }
  /// Rows of schedules.
  [[nodiscard]] virtual Periodic* periodic() noexcept { return nullptr; }
  /// Durable steps and signals.
  [[nodiscard]] virtual Steps* steps() noexcept { return nullptr; }
  /// Jobs by plain INSERTs.
  [[nodiscard]] virtual Inbox* inbox() noexcept { return nullptr; }
  /// Limits by key.
  [[nodiscard]] virtual Gates* gates() noexcept { return nullptr; }
};

}  // namespace sqlq::backend
