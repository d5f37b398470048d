#pragma once
/// \file
/// What a backend over a server implements; `make_server_dialect` makes a Dialect of it, with all that is the same for
/// all: pool, transactions, retries, lost connections, borrowed transactions, hints.
///
/// The operations mean what sqlq/backend/dialect.hpp says. Each runs on one session, and may be run again from the
/// start: after a conflict, on another connection after a loss, and after an unknown outcome, when the first run may
/// have been applied ("replay" in the contracts).

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "sql/catalogue.hpp"
#include "sql/doubt.hpp"
#include "sql/selection.hpp"
#include "sql/session.hpp"

namespace sqlq::sql {

/// One connection of our own. One thread at a time.
class Connection {
 public:
  virtual ~Connection() = default;
  [[nodiscard]] virtual Session& session() noexcept = 0;
  /// Begins a READ COMMITTED transaction that may write.
  virtual void begin() = 0;
  /// Begins a read-only transaction whose statements all see one snapshot; rollback() ends it.
  virtual void begin_snapshot() = 0;
  /// Error(outcome_unknown) when the connection is lost meanwhile, Error(retry_transaction) when the server rolled
  /// back.
  virtual void commit() = 0;
  /// Ends a transaction, if one is open. A connection on which this fails is not usable() any more; one that is given
  /// back with a transaction open is not either.
  virtual void rollback() noexcept = 0;
  /// A script of several statements, without parameters.
  virtual void script(const std::string& text) = 0;
  /// False when it must be thrown away: lost, or in an unknown state.
  [[nodiscard]] virtual bool usable() const noexcept = 0;
};

/// Where an operation runs.
class Work {
 public:
  /// `own` is null for a borrowed session: its transaction is the user's.
  Work(Session& session, const backend::Now& now, Connection* own) : session_(session), now_(now), own_(own) {}

  [[nodiscard]] Session& session() const noexcept { return session_; }
  /// Wall time and steady time of the test that owns the time; NULL: the server's clock, in the statement itself.
  [[nodiscard]] std::optional<std::int64_t> wall() const;
  [[nodiscard]] std::optional<std::int64_t> steady() const;
  /// Leases that ended within so many microseconds before now are not taken back yet: see reap.
  [[nodiscard]] std::int64_t spared() const noexcept { return spared_.count(); }
  void spare(Duration back) noexcept { spared_ = back; }
  [[nodiscard]] bool borrowed() const noexcept { return own_ == nullptr; }
  /// The statements that follow are one transaction, committed when the operation returns. Without it each statement
  /// commits alone. Does nothing in a borrowed transaction and when called again.
  void begin();
  /// Undoes what was done since begin(), lets its locks go and begins again. Only once begun.
  void begin_anew();
  [[nodiscard]] bool begun() const noexcept { return begun_; }

 private:
  Session& session_;
  const backend::Now& now_;
  Connection* own_;
  Duration spared_{0};
  bool begun_ = false;
};

/// Goes on after a statement that may have committed by itself. When that fails the caller must not believe that
/// nothing was done: the error becomes outcome_unknown, and a repeated call finds what is there.
template <class Next>
auto follow_up(const Work& work, Next&& next) {
  try {
    return next();
  } catch (const Error& e) {
    if (work.borrowed() || work.begun()) throw;
    throw in_doubt(e, "a part may have been done: repeat the call");
  }
}

/// A kind of job in a queue, by name.
struct LaneName {
  std::string queue{};
  std::string kind{};
  friend auto operator<=>(const LaneName&, const LaneName&) = default;
};

/// How many places of each queue a transaction has made free itself, by ending leases before it claims.
using Vacated = std::map<std::string_view, std::int64_t>;

/// A claim by itself, or the second half of a hand-over.
struct Claim {
  const backend::ClaimRequest& request;
  bool limited = true;               ///< whether jobs of queues that have a limit may be taken
  const Vacated* vacated = nullptr;  ///< of a hand-over
};

/// Thread-safe: every call brings its own session.
class Server {
 public:
  virtual ~Server() = default;

  // The installation.
  [[nodiscard]] virtual const backend::Capabilities& capabilities() const noexcept = 0;
  /// Product, version, place; no password. Called after a first connection was made.
  [[nodiscard]] virtual std::string description() const = 0;
  virtual std::vector<std::string> self_check(Session& session) = 0;
  /// A new connection, ready to work: settings, timeouts, not a read-only node.
  [[nodiscard]] virtual std::unique_ptr<Connection> connect() = 0;
  /// One for heartbeats: it waits for the lock of a table for a second at most.
  [[nodiscard]] virtual std::unique_ptr<Connection> connect_to_renew() = 0;
  /// Whether the error means that a lock was waited for in vain.
  [[nodiscard]] virtual bool locked_out(const Error& error) const noexcept = 0;
  /// A session on the user's connection, after checking that it is of this kind of database (Error(invalid_argument))
  /// and inside a transaction (Error(misuse)). Leaves nothing behind on it.
  [[nodiscard]] virtual std::unique_ptr<Session> borrow(const Tx& tx) = 0;

  // The schema. The catalogue has the statements reading.hpp and migrations.hpp name.
  [[nodiscard]] virtual const Catalogue& queries() const noexcept = 0;
  [[nodiscard]] virtual std::span<const Migration> migrations() const noexcept = 0;
  virtual int migrate(Connection& connection, backend::Direction direction, int target, const backend::Now& now) = 0;
  virtual void teardown(Connection& connection) = 0;

  // The operations that differ by locking, atomicity or round trips.
  /// Makes queues and lanes that are not there yet. Others may do the same at the same time.
  virtual void make_lanes(const Work& work, std::span<const LaneName> lanes) = 0;
  /// The lanes are there; when one is not after all (somebody tore the schema down): Error(schema), nothing stored.
  virtual std::vector<Enqueued> enqueue(Work& work, std::span<const backend::EnqueueItem> items) = 0;
  virtual std::vector<CancelStatus> cancel(Work& work, std::span<const JobId> ids) = 0;
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
  virtual std::vector<Job> claimed(Work& work, const backend::ClaimRequest& request) = 0;
  /// No (id, token) is there twice.
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
  /// Error(refused), nothing deleted, when the database keeps one of them.
  virtual std::size_t purge(Work& work, std::size_t limit) = 0;
  /// Which jobs purge would delete now, without locks.
  virtual std::vector<JobId> expired(Work& work, std::size_t limit) = 0;
  /// Keeps a finished job for another day.
  virtual void postpone(Work& work, JobId id) = 0;
  virtual std::vector<ActionStatus> act(Work& work, std::span<const JobId> ids, backend::Action what) = 0;
  virtual std::vector<RequeueStatus> requeue(Work& work, std::span<const JobId> ids) = 0;
  virtual std::vector<bool> append_logs(Work& work, std::span<const LogLine> lines) = 0;

  // Wake-ups between processes.
  /// Something was committed that workers elsewhere may want to know. Must not block; hints may be lost.
  virtual void announce() noexcept {}
  /// Watches for announcements of others until the returned object is destroyed, calling `heard` from its own thread.
  /// Null: this server has no such thing.
  [[nodiscard]] virtual std::shared_ptr<void> watch(std::function<void()> heard) {
    static_cast<void>(heard);
    return nullptr;
  }
};

/// How much the pool holds and how long it waits.
struct PoolOptions {
  std::size_t size = 8;                              ///< connections at most
  Duration wait = std::chrono::seconds(10);          ///< for a free one, then Error(busy)
  Duration idle_lifetime = std::chrono::minutes(5);  ///< an idle one older than this is closed instead of used
  const char* option = "pool";                       ///< the URL option that sets the size, for messages
  const char* wait_option = "pool_wait";             ///< the one that sets the wait
};

/// The dialect over a server. Connects once, so that a wrong URL is noticed now. The clock tells how long an operation
/// has waited, so it must be the one of the requests.
[[nodiscard]] std::unique_ptr<backend::Dialect> make_server_dialect(
    std::unique_ptr<Server> server, const PoolOptions& pool, const std::shared_ptr<Clock>& clock = system_clock());

}  // namespace sqlq::sql
