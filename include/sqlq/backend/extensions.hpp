#pragma once
/// \file
/// Parts that not every backend need have. Each part is an interface of its own, which `Dialect` answers for when the
/// backend has it, and null by default: a backend without it works, only less well, and its part of the conformance
/// suite is reported as not tested.
///
/// A class that has a part derives from it beside `Dialect` and returns itself:
///
///     class MyDialect final : public Dialect, public HandOver {
///       HandOver* hand_over() noexcept override { return this; }
///       HandOverResult finish_and_claim(const HandOverRequest& request) override;
///     };
///
/// The rules of dialect.hpp hold for every operation here. A part lives as long as its dialect.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/backend/gates.hpp>
#include <sqlq/backend/requests.hpp>
#include <sqlq/client.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>
#include <sqlq/log.hpp>
#include <sqlq/steps.hpp>
#include <sqlq/tx.hpp>
#include <sqlq/worker_info.hpp>

namespace sqlq::backend {

/// A job that has succeeded, whose place in its queue goes to another job.
struct Success {
  JobId id{};                 ///< the job
  LeaseToken token{};         ///< of its lease
  std::string_view result{};  ///< JSON text; empty: keeps the stored one
  std::string_view queue{};   ///< the job's
};

/// Ends leases and claims as many jobs in their places.
struct HandOverRequest {
  ClaimRequest claim{};             ///< what to claim then
  std::span<const Success> ends{};  ///< leases to end first; none twice
  bool limited = true;              ///< jobs of queues with a limit may be claimed
};

/// The answer to it.
struct HandOverResult {
  ClaimResult claim{};                ///< the jobs that were claimed
  std::vector<FinishStatus> ended{};  ///< one outcome for each of the request's `ends`, in order
};

/// Passes the places of a queue with a limit from job to job. Where claims of such a queue wait for one another, a
/// worker that ends and claims in one transaction need not wait: the number of held jobs never grows.
class SQLQ_TYPE HandOver {
 public:
  virtual ~HandOver() = default;

  /// Whether that is the better way for all jobs of a backlog: where there is one writer at a time, a claim and a write
  /// of outcomes wait for each other, and one commit is cheaper than two.
  [[nodiscard]] virtual bool always_pays() const noexcept { return false; }

  /// Ends the leases as `Dialect::finish` does, then claims as `Dialect::claim` does, both in one transaction. Where
  /// taking jobs of a queue with a limit means to wait for other claimers, it takes only as many of the queue as it has
  /// ended there. Where the database refuses one of the jobs for good it throws Errc::refused, nothing changed: use the
  /// two by themselves. Replay after an unknown outcome: not of the claim, whose jobs come back; `Dialect::finish` for
  /// the `ends`.
  virtual HandOverResult finish_and_claim(const HandOverRequest& request) = 0;
};

/// Knows that a worker lives although nothing could be written for it. Without this part each lease that ended counts
/// as a crash, and a worker stops a job whose lease it cannot renew in time, whatever the reason.
class SQLQ_TYPE Outages {
 public:
  virtual ~Outages() = default;

  /// Since when, on the injected clock, somebody else has kept everybody from writing, also from taking leases back,
  /// and at every moment since; as far as this process knows without asking. A worker that cannot renew a lease keeps
  /// it meanwhile. Empty: not so, or not known. Cheap.
  [[nodiscard]] virtual std::optional<SteadyPoint> locked_since() const noexcept { return std::nullopt; }

  /// The workers of these claims live: what was charged as a crash was an outage.
  ///
  /// Per item: if the job's history has a line Cause::lease_ended of this claim and this worker, the line becomes
  /// Cause::outage and, unless the job has snoozed, was requeued or taken away since, crashes - 1. A job that `reap`
  /// ended as errored for its crashes goes back to pending if it has attempts left, and if it has fewer than
  /// max_crashes now or the claim was its last; not while a live job has its unique key. Nothing else of
  /// a job changes, and nothing of one without such a line. Answers whether the line is an outage now.
  /// Replay: true, nothing changes.
  virtual std::vector<bool> take_back_crashes(std::span<const OutlivedClaim> claims, Now now) = 0;
};

/// Says which workers are there, and drains them. Nothing else depends on it: a worker that cannot be announced works
/// as well as any. A worker is known by its name and its id together. All of it is rare: at most one call a worker in
/// several seconds. None of it may wait longer for somebody's lock than a second or two, nor keep the calls of
/// `Dialect` from their connections meanwhile.
class SQLQ_TYPE Workers {
 public:
  virtual ~Workers() = default;

  /// The worker is there: makes its row, or sets `busy` and seen_at = now of the one that is there. A new row has
  /// started_at = now - running and the `draining` given, which is what the worker was told last. Returns whether it is
  /// to drain. Replay: the same once more.
  virtual bool announce_worker(const WorkerInfo& worker, Duration running, Now now) = 0;
  /// The worker has stopped: its row goes. Replay: nothing to do.
  virtual void withdraw_worker(std::string_view name, std::int64_t id) = 0;
  /// Those seen less than worker_expiry ago, in order of (name, id), strictly above the name and id given.
  [[nodiscard]] virtual std::vector<WorkerInfo> list_workers(std::string_view after, std::int64_t after_id,
                                                             std::size_t limit, Now now) = 0;
  /// Sets `draining` of all listed workers of that name. False: there are none. Replay: the same once more.
  virtual bool drain_workers(std::string_view name, bool on, Now now) = 0;
  /// Deletes up to `limit` rows of workers that are not listed any more; never one that is announced meanwhile. Returns
  /// how many.
  virtual std::size_t expire_workers(std::size_t limit, Now now) = 0;
};

/// Changes to a job that waits; an empty field changes nothing.
struct JobChange {
  std::optional<std::string_view> queue{};  ///< made if there is none, with default settings
  std::optional<int> priority{};            ///< lower number first
};

/// Changes jobs that nobody holds.
class SQLQ_TYPE Editing {
 public:
  virtual ~Editing() = default;

  /// Per job: pending, scheduled or waiting -> the same state with the change; else `unchanged`, also where it has
  /// these values already; or not_found. Nothing else of the job changes, not its age in the order of claims either.
  /// Jobs are locked in one order, and may be claimed in their new place at once. Replay: unchanged.
  virtual std::vector<ActionStatus> edit(std::span<const JobId> ids, const JobChange& change, Now now) = 0;
};

/// Answers questions that only explanations need.
class SQLQ_TYPE Insight {
 public:
  virtual ~Insight() = default;

  /// The time by the clock that decides when jobs are due.
  [[nodiscard]] virtual TimePoint clock_now() = 0;
  /// How many jobs of its queue, pending or scheduled and due, a claim of all kinds takes before this pending (or due)
  /// one; counted up to `cap`. 0 for a job in another state, or unknown.
  [[nodiscard]] virtual CappedCount jobs_before(JobId id, std::uint64_t cap, Now now) = 0;
};

/// A job with all that belongs to it.
struct StoredJob {
  Job job{};                             ///< without its lease token
  std::vector<AttemptRecord> history{};  ///< oldest first
  std::vector<LogLine> log{};            ///< in order of (claim, number)
  std::vector<StepRecord> steps{};       ///< in the order of their recording; none without the part Steps
};

/// What became of a job that was to be stored.
enum class StoreStatus : std::uint8_t {
  stored = 1,        ///< by this call
  existing_id = 2,   ///< a job has its id: nothing changed
  existing_key = 3,  ///< a live job has its unique key: nothing changed
};

/// Takes jobs out of a database and puts them into another one as they are.
class SQLQ_TYPE Transfer {
 public:
  virtual ~Transfer() = default;

  /// Ids of jobs, ascending, strictly above `after` (nil: from the first); at most `limit` (1 to 10,000).
  [[nodiscard]] virtual std::vector<JobId> ids_after(JobId after, std::size_t limit) = 0;
  /// These jobs (at most 1000) in the order of `ids`, without those that are gone. One snapshot. It may answer only the
  /// first of them, at least one of those that are there, when they are large: together more than `max_bytes`. `read`
  /// says how many of `ids` were looked at.
  struct Read {
    std::vector<StoredJob> jobs{};  ///< in the order asked for
    std::size_t read = 0;           ///< how many of `ids` were looked at
  };
  /// See Read.
  [[nodiscard]] virtual Read read_jobs(std::span<const JobId> ids, std::size_t max_bytes) = 0;
  /// Stores jobs that are not held, in this order, each with everything that is in it but the lease token: state,
  /// times, counts, history, log and steps are as given, also a state waiting. Makes their queues with default
  /// settings. Two of one call may collide: the first wins. At most 1000. Errc::refused when the database refuses one
  /// of them for good: nothing is stored. Replay: existing_id.
  virtual std::vector<StoreStatus> store_jobs(std::span<const StoredJob> jobs, Now now) = 0;
};

/// A row about something that happens again and again. The core knows what its texts mean; the backend does not.
struct PeriodicRow {
  std::string name{};               ///< its key, compared byte by byte
  std::int64_t version = 0;         ///< of the row; grows with each change
  std::optional<TimePoint> next{};  ///< when to look at it next; empty: never
  std::string definition{};         ///< JSON text: what was asked for
  std::string state{};              ///< JSON text: how it stands
};

/// One change to such a row, which is made if the row has that version still.
struct PeriodicChange {
  std::string_view name{};              ///< of the row
  std::int64_t expected = 0;            ///< the version that was read; 0: there must be no such row
  bool remove = false;                  ///< the row goes; else it gets what follows
  std::optional<TimePoint> next{};      ///< as in PeriodicRow
  std::string_view definition{};        ///< as in PeriodicRow
  std::string_view state{};             ///< as in PeriodicRow
  std::span<const EnqueueItem> jobs{};  ///< stored if the change is made, in the same transaction
};

/// What became of a change.
struct PeriodicOutcome {
  bool applied = false;            ///< false: the row had another version, or somebody has locked it: nothing was done
  std::vector<Enqueued> jobs{};    ///< one for each of the change's, if it was applied
};

/// Rows that are due.
struct PeriodicDue {
  std::vector<PeriodicRow> rows{};   ///< due ones, in order of (next, name)
  std::optional<TimePoint> next{};   ///< when the first that is not among them is to be looked at
  TimePoint now{};                   ///< by the clock that decides what is due
};

/// Schedules. None of it is on the way of a plain job: a worker asks once in 10 s, or when something is due.
class SQLQ_TYPE Periodic {
 public:
  virtual ~Periodic() = default;

  /// Those with next <= now. Reads no row that is not due. Waits for nobody's locks.
  [[nodiscard]] virtual PeriodicDue periodic_due(std::size_t limit, Now now) = 0;
  /// In order of name (bytes), strictly above `after`.
  [[nodiscard]] virtual std::vector<PeriodicRow> periodic_list(std::string_view after, std::size_t limit) = 0;
  /// One answer for each name, in order; none: there is no such row.
  [[nodiscard]] virtual std::vector<std::optional<PeriodicRow>> periodic_get(std::span<const std::string> names) = 0;
  /// Compare and set, all in one transaction: a change whose row has another version is an answer, not an error. At
  /// most 1,000 changes with 10,000 jobs together; no name twice. Errc::refused when the database refuses one of them
  /// for good: nothing is changed. Watchers of wake-ups are told when a job was stored or a row got an earlier `next`.
  /// Of several callers with the same expected version one is answered `applied`. A row that somebody else has locked
  /// is waited for briefly, with nothing locked; then the other changes are made, and this one is not applied. Unique
  /// keys of jobs are waited for as by enqueue. Replay: not applied. A call that tries again inside answers what the
  /// whole call has done, or Errc::outcome_unknown if others changed a row since.
  virtual std::vector<PeriodicOutcome> periodic_change(std::span<const PeriodicChange> changes, Now now) = 0;
};

/// What a step of a job is recorded as. The row's key is (job, kind, name, number).
struct NewStep {
  JobId id{};                        ///< the job
  LeaseToken token{};                ///< of its lease
  StepKind kind = StepKind::result;  ///< not StepKind::signal
  std::string_view name{};           ///< part of the key
  std::int64_t number = 0;           ///< part of the key
  std::string_view value{};          ///< JSON text; may be empty
  std::optional<Duration> delay{};   ///< StepRecord::until = now + delay
  /// No other execution of the job has begun: nobody else can be recording this step.
  bool first_claim = false;
};

/// What became of a step that was to be recorded.
enum class RecordStatus : std::uint8_t {
  recorded = 1,  ///< by this call
  existing = 2,  ///< a row of this key is there, or for wait and expired the signal: nothing was added but the wait
  stale = 3,     ///< the lease is lost: nothing was changed
};

/// The answer to `record_step`.
struct RecordAnswer {
  RecordStatus status = RecordStatus::stale;  ///< what became of it
  StepRecord step{};  ///< the row that is there now: recorded or existing; for wait and expired the signal if there is
                      ///< one of that name and number
};

/// Durable steps of jobs (steps.hpp).
class SQLQ_TYPE Steps {
 public:
  virtual ~Steps() = default;

  /// The key of a row of a job.
  struct From {
    StepKind kind = StepKind::result;  ///< part of the key
    std::string_view name{};           ///< part of the key
    std::int64_t number = 0;           ///< part of the key
  };

  /// In the order of their recording; at most 10,000.
  [[nodiscard]] virtual std::vector<StepRecord> read_steps(JobId id, const Tx* within) = 0;
  /// Whether the row of this key is there; `within`: as that transaction sees it.
  [[nodiscard]] virtual bool has_step(JobId id, const From& key, const Tx* within) {
    for (const StepRecord& step : read_steps(id, within)) {
      if (step.kind == key.kind && step.name == key.name && step.number == key.number) return true;
    }
    return false;
  }
  /// Records a step if the job is held with that token; a wait also where its signal is there, if there is room for a
  /// row, so that it is known where the signal was received. wait and children, also when they are there already, take
  /// back what `signal` and `wake` have told the job until now: the answer, or the reads that follow, show what that
  /// was.
  /// `within` as for enqueue: then the job's row is not locked, so that its lease can be renewed meanwhile, and nothing
  /// is taken back; another transaction that is recording the same key is waited for. Errc::retry_transaction there
  /// when that one has committed and this snapshot cannot see it. Replay: existing.
  virtual RecordAnswer record_step(const NewStep& step, const Tx* within, Now now) = 0;
  /// Stores a signal for a job that is not finished, whoever holds it, as row (signal, name, n): n is 0 for
  /// SignalMode::first and replace, the next free number for append. Where the job has a row (wait, name, n) and none
  /// (expired, name, n), it waits for it: scheduled it becomes due now, and held it is told to go on at its next
  /// snooze. Another one is told nothing, for its wait will find the signal; within a transaction whose snapshot may be
  /// older than a wait, a job that is held may be told all the same. Watchers of wake-ups are told. With replace a row
  /// that is there gets the value and the time of this one, and is now the last in the order of recording; the job is
  /// told nothing. Waits for nobody but short transactions on that job's row. Replay: existing; for append a second
  /// one; for replace replaced.
  virtual SignalStatus signal(JobId id, std::string_view name, std::string_view value, SignalMode mode,
                              const Tx* within, Now now) = 0;
  /// Each of the jobs that is scheduled and has a row of kind children becomes due now; one that is held is told to go
  /// on at its next snooze; others: nothing. Watchers of wake-ups are told. Replay: the same once more.
  virtual void wake(std::span<const JobId> ids, Now now) = 0;
  /// Deletes rows of a job that is finished: all but signals, from the row (kind, name, number) on in the order of
  /// recording, or all where `from` is empty. `signals`: those too; one that has a row (wait, name, number) counts as
  /// recorded with that. False: the job is not finished, or there is none, or no such row: nothing changed. Replay:
  /// false, or true with nothing to do.
  virtual bool forget_steps(JobId id, const std::optional<From>& from, bool signals = false) = 0;
};

/// A row of the inbox, as somebody has written it: nothing of it has been checked. Empty: NULL.
struct InboxRow {
  std::int64_t number = 0;                     ///< above 0; grows with each row
  std::string kind{};                          ///< of the job
  std::optional<std::string> params{};         ///< JSON text
  bool too_long = false;                       ///< params and headers were not read, for they are longer than asked for
  std::optional<std::string> queue{};          ///< its name
  std::optional<std::int64_t> priority{};      ///< lower number first
  std::optional<TimePoint> run_at{};           ///< not before
  bool odd_run_at = false;                     ///< a time was given that cannot be read
  std::optional<std::string> unique_key{};     ///< as EnqueueOptions::unique_key
  std::optional<std::int64_t> max_attempts{};  ///< as EnqueueOptions::max_attempts
  std::optional<std::int64_t> timeout_s{};     ///< of one attempt, in seconds
  std::optional<std::string> headers{};        ///< a JSON object of strings
  std::optional<std::string> id{};             ///< of the job, as text
};

/// What becomes of a row: a job, as enqueue stores it; an errored job; or the reason why it is kept in the table.
struct InboxItem {
  std::int64_t number = 0;                                               ///< of the row
  std::variant<EnqueueItem, const StoredJob*, std::string_view> fate{};  ///< the three of them, in this order
};

/// A table of the user's database into which anybody may insert jobs (docs/inbox.md).
class SQLQ_TYPE Inbox {
 public:
  virtual ~Inbox() = default;

  /// The first rows above `after`, in the order of their numbers, without those that are kept. Waits for nobody's
  /// locks. `max_bytes`: of the params and headers of one row.
  [[nodiscard]] virtual std::vector<InboxRow> inbox_rows(std::int64_t after, std::size_t limit,
                                                         std::size_t max_bytes) = 0;
  /// Takes rows away and stores what becomes of them, in one transaction; a row that is kept gets the negative of its
  /// number and the reason. No number twice. Per item: the answer of enqueue, or `inserted` with the errored job's id;
  /// empty for one that is kept, and for one whose row is gone or locked: nothing is done about that. Waits for
  /// nobody's rows; unique keys and ids of jobs are waited for as by enqueue, but only briefly. Errc::refused when the
  /// database refuses one of them for good: nothing is changed. Watchers of wake-ups are told. Replay, also by a call
  /// that tries again inside: empty.
  virtual std::vector<std::optional<Enqueued>> inbox_take(std::span<const InboxItem> items, Now now) = 0;

  /// How many rows there are.
  struct Counts {
    CappedCount waiting{};  ///< not looked at yet
    CappedCount kept{};     ///< with a reason
  };
  /// Counted up to `cap` each.
  [[nodiscard]] virtual Counts inbox_counts(std::uint64_t cap) = 0;
};

}  // namespace sqlq::backend
