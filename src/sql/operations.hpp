#pragma once
/// \file
/// The operations that each SQL database does in its own way, for they differ by locking, atomicity or round trips.
/// SqlDialect makes a Dialect of them, with all that is the same for all databases, and a Runner says where they run.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/export.hpp>

#include "sql/catalogue.hpp"
#include "sql/marks.hpp"
#include "sql/selection.hpp"
#include "sql/work.hpp"

namespace sqlq::sql {

/// A kind of job in a queue, by name.
struct LaneName {
  std::string queue{};
  std::string kind{};
  friend auto operator<=>(const LaneName&, const LaneName&) = default;
};

/// Jobs to store, none twice: no two have the same id nor, both live, the same unique key.
using DistinctJobs = std::span<const backend::StoredJob* const>;

/// How many places of each queue a transaction has made free itself, by ending leases before it claims.
using Vacated = std::map<std::string_view, std::int64_t>;

/// A claim by itself, or the second half of a hand-over.
struct SQLQ_API Claim {
  const backend::ClaimRequest& request;
  bool limited = true;                       ///< whether jobs of queues that have a limit may be taken
  std::span<const backend::Success> ends{};  ///< of a hand-over: the leases of its first half
  std::span<const FinishStatus> ended{};     ///< and what became of them

  /// Empty when it is a claim by itself.
  [[nodiscard]] std::optional<Vacated> vacated() const;
};

/// A job whose row is locked.
struct LockedJob {
  std::int64_t now = 0;  ///< by the clock of the request, in microseconds
  std::int64_t seq = 0;
  JobState state = JobState::invalid;
  std::int64_t claims = 0;
};

/// They mean what sqlq/backend/dialect.hpp says. Each runs on one session, and may be run again from the start: after a
/// conflict, on another connection after a loss, and after an unknown outcome, when the first run may have been applied
/// ("replay" in the contracts). Thread-safe: every call brings its own session.
class SQLQ_API Operations {
 public:
  virtual ~Operations() = default;

  // The schema. The catalogue has the statements reading.hpp and migrations.hpp name.
  [[nodiscard]] virtual const Catalogue& queries() const noexcept = 0;
  [[nodiscard]] virtual std::span<const Migration> migrations() const noexcept = 0;
  virtual int migrate(Connection& connection, backend::Direction direction, int target, const backend::Now& now) = 0;
  virtual void teardown(Connection& connection) = 0;
  /// The columns and indexes that the migrations make, as layout.hpp writes them. Empty: nothing can be compared.
  [[nodiscard]] virtual std::string layout() const { return {}; }
  /// Whether the database may keep from this user that some of our tables or columns are there.
  [[nodiscard]] virtual bool hides_tables(Session& /*session*/) const { return false; }

  /// Where claims look from; the dialect says what may have come before. Null: everywhere, always.
  [[nodiscard]] virtual Marks* marks() noexcept { return nullptr; }

  // Producing.
  /// Makes queues and lanes that are not there yet. Others may do the same at the same time. Called before an enqueue
  /// where the runner says so (Runner::sharing).
  virtual void make_lanes(Work& /*work*/, std::span<const LaneName> /*lanes*/) {}
  /// Where lanes are made before, they are there; when one is not after all (somebody tore the schema down):
  /// Error(schema), nothing stored.
  virtual std::vector<Enqueued> enqueue(Work& work, std::span<const backend::EnqueueItem> items) = 0;
  virtual std::vector<CancelStatus> cancel(Work& work, std::span<const JobId> ids) = 0;
  /// As Transfer::store_jobs. Lanes as for enqueue.
  virtual std::vector<backend::StoreStatus> store_jobs(Work& work, DistinctJobs jobs) = 0;

  // Working.
  /// The second half of a hand-over runs in a transaction that has begun and ended leases. It takes only as many jobs
  /// of a limited queue as were vacated there, so it needs no lock against other claimers: until it commits they count
  /// the leases that it has ended, and then those that it has begun.
  virtual backend::ClaimResult claim(Work& work, const Claim& claim) = 0;
  /// The same for a selection of the jobs, by its contract in selection.hpp.
  virtual backend::ClaimResult claim_some(Work& work, const backend::ClaimRequest& request,
                                          const Selection& selection) = 0;
  /// Ends a job as errored, with a line of Cause::failed in its history: one that is pending or scheduled, or held with
  /// a lease that has ended. False: it is in no such state, or locked.
  virtual bool give_up(Work& work, JobId id, std::string_view message) = 0;
  /// The jobs that are held with the request's token, in claim order: what a claim whose outcome is unknown has taken.
  /// Only asked where the runner repeats such claims.
  virtual std::vector<Job> claimed(Work& /*work*/, const backend::ClaimRequest& /*request*/) { return {}; }
  virtual std::vector<FinishStatus> finish(Work& work, std::span<const backend::Finish> items) = 0;
  /// Waits for no row of the jobs' table.
  virtual std::vector<LeaseStatus> heartbeat(Work& work, std::span<const backend::LeaseRef> leases) = 0;
  virtual std::vector<bool> publish(Work& work, std::span<const backend::Interim> items) = 0;
  /// With `only`: of these jobs. At most 10,000. Of leases that had ended `work.spared()` before the statement that
  /// looks for them began. Waits for no row of the jobs' table, but, also when it finds nothing, for whoever keeps
  /// others from writing to it.
  virtual ReapReport reap(Work& work, std::span<const std::string> queues, std::size_t limit,
                          std::span<const JobId> only) = 0;
  /// Those that reap would take back.
  virtual std::vector<JobId> ended(Work& work, std::span<const std::string> queues, std::size_t limit) = 0;
  virtual std::vector<bool> take_back_crashes(Work& work, std::span<const backend::OutlivedClaim> claims) = 0;

  // Housekeeping.
  /// Error(refused), nothing deleted, when the database keeps one of them.
  virtual std::size_t purge(Work& work, std::size_t limit) = 0;
  /// Which jobs purge would delete now, without locks.
  virtual std::vector<JobId> expired(Work& work, std::size_t limit) = 0;
  /// Keeps a finished job for another day.
  virtual void postpone(Work& work, JobId id) = 0;
  virtual std::vector<ActionStatus> act(Work& work, std::span<const JobId> ids, backend::Action what) = 0;
  virtual std::vector<RequeueStatus> requeue(Work& work, std::span<const JobId> ids) = 0;
  /// May make the queue and its lanes before it begins.
  virtual std::vector<ActionStatus> edit(Work& work, std::span<const JobId> ids, const backend::JobChange& change) = 0;
  virtual std::vector<bool> append_logs(Work& work, std::span<const LogLine> lines) = 0;

  // Limits by key (limits.hpp).
  /// Jobs that wait for their keys come into the lines of these: the statement gate_in. In the transaction that has
  /// changed them.
  virtual void line_in(Work& work, std::span<const JobId> ids);
  /// waiting -> pending, in the order given, of which it answers those that it has changed. It passes over jobs that
  /// somebody has locked and those that wait no more. In a transaction that has begun; waits for nobody.
  virtual std::vector<std::int64_t> let_in(Work& /*work*/, std::span<const std::int64_t> /*seqs*/) { return {}; }

  // Durable steps (steps.hpp).
  /// Locks a job's row until the end of the transaction, which it begins. Waits for whoever has locked it. Empty: there
  /// is no such job.
  virtual std::optional<LockedJob> lock_job(Work& work, JobId id) = 0;
  /// Inserts rows of steps by this statement. Returns how many: none of which one is there already, which it waits to
  /// know when a transaction that is not over yet has inserted it.
  virtual std::size_t insert_step(Work& work, const Statement& statement, std::initializer_list<Arg> args) {
    return work.session().execute(statement, args);
  }
  /// Records steps by one write that commits by itself and waits for nobody: those whose lease holds, whose job has
  /// room for them and has no such row yet. They are of the first execution of their jobs and no waits, sleeps or
  /// children. Answers their rows; empty for the others. Only where calls are shared (Runner::sharing).
  virtual std::vector<std::optional<StepRecord>> add_steps(Work& work, std::span<const backend::NewStep> steps) {
    static_cast<void>(work);
    return std::vector<std::optional<StepRecord>>(steps.size());
  }
  /// Sets or clears what a job was told: to go on at its next snooze. Its row is locked.
  virtual void tell_job(Work& work, JobId id, std::int64_t seq, bool on) = 0;
  /// As Steps::wake.
  virtual void wake(Work& work, std::span<const JobId> ids) = 0;
};

}  // namespace sqlq::sql
