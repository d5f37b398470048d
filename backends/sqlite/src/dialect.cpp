#include "dialect.hpp"

#include <sqlite3.h>

#include <algorithm>

#include <sqlq/error.hpp>
#include <sqlq/sqlite.hpp>

#include "native_session.hpp"
#include "processes.hpp"
#include "schema.hpp"
#include "soci_bridge.hpp"
#include "sql/borrowed.hpp"
#include "sql/job_row.hpp"
#include "sql/migrations.hpp"
#include "sql/reap_apart.hpp"
#include "version_check.hpp"
#include "watcher.hpp"

namespace sqlq::sqlite {

using backend::Now;

namespace {

backend::Capabilities capabilities_of(const Options& options) {
  backend::Capabilities c;
  c.longest_result = std::size_t{400} << 20;  // a row has 1,000,000,000 bytes at most, its params included
  c.shared_storage = !options.in_memory();
  c.survives_reopen = !options.in_memory();
  c.borrowed_transactions = !options.in_memory();  // a second connection cannot reach a private database
  c.cross_process_wakeup = !options.in_memory() && options.watch;
  c.hand_over = true;
  c.workers = true;
  return c;
}

}  // namespace

SqliteDialect::SqliteDialect(Options options, std::shared_ptr<Clock> clock)
    : SqlDialect(catalogue()),
      options_(std::move(options)),
      capabilities_(capabilities_of(options_)),
      clock_(std::move(clock)),
      writer_(options_, clock_),
      readers_(options_, writer_.connection()),
      hints_(capabilities_.cross_process_wakeup ? sql::Hints::Watch([this](std::function<void()> heard) {
        return std::make_shared<Watcher>([this] { return foreign_commit(); }, std::move(heard));
      })
                                                : nullptr) {
  (void)migration_status();  // touches the file, so that one that is no database is noticed now
}

std::string SqliteDialect::description() const {
  return std::string("SQLite ") + sqlite3_libversion() + ", " + (options_.in_memory() ? "in memory" : options_.path) +
         (options_.full_sync ? "" : ", synchronous=normal");
}

std::vector<std::string> SqliteDialect::self_check() {
  std::vector<std::string> findings;
  if (options_.in_memory()) return findings;
  if (has_wal_reset_bug(sqlite3_libversion_number())) findings.push_back(wal_reset_advice());
  writer_.tidy();
  writer_.exclusive([&](Connection& c) {
    const std::string mode = c.pragma("PRAGMA journal_mode");
    if (mode != "wal") {
      findings.push_back("journal_mode is '" + mode + "', not WAL: the file system does not support it; readers and "
                         "the writer block each other");
    }
    const auto mib = [](std::int64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; };
    if (c.wal_size() > options_.wal_limit) {
      findings.push_back("the write-ahead log '" + options_.path + "-wal' has " + mib(c.wal_size()) + ", more than "
                         "wal_limit (" + mib(options_.wal_limit) + "): a connection has been reading for long and "
                         "keeps it from being begun anew. It is cut when that ends: look for transactions and "
                         "statements of your own that stay open");
    }
    if (const std::int64_t left = c.free_space(); left < c.wal_size()) {
      const auto kib = [](std::int64_t bytes) { return std::to_string(bytes >> 10) + " KiB"; };
      findings.push_back("the volume of '" + options_.path + "' has " + kib(left) + " left, less than the write-ahead "
                         "log (" + kib(c.wal_size()) + "): copying it into the file may need as much, and before it is "
                         "copied nothing can be written. Free space on the volume");
    }
  });
  return findings;
}

// ------------------------------------------------------------------------------------------------ schema

std::span<const Migration> SqliteDialect::migrations() const noexcept { return known_migrations(); }

MigrationStatus SqliteDialect::migration_status() {
  return read<MigrationStatus>(
      [](const Context& c) { return sql::read_status(c.session, catalogue(), known_migrations()); });
}

int SqliteDialect::migrate(backend::Direction direction, int target, Now now) {
  const TimePoint wall = at(now).wall;
  int steps = 0;
  enlisted_ = false;
  writer_.exclusive([&](Connection& c) {
    c.begin();
    try {
      auto status = sql::read_status(c.session(), catalogue(), known_migrations());
      sql::check_target(status, direction, target);
      steps = sql::run_steps(c.session(), catalogue(), known_migrations(), status, direction, target, wall,
                             [&](const std::string& script) { c.script(script); });
      c.commit();
      c.confirm();
    } catch (...) {
      c.rollback();
      throw;
    }
  });
  const std::lock_guard lock(epoch_mutex_);
  if (steps > 0) epoch_.clear();  // the tables that knew it may be new
  return steps;
}

void SqliteDialect::teardown() {
  enlisted_ = false;
  writer_.exclusive([&](Connection& c) {
    c.begin();
    try {
      std::string script;
      c.session().execute(catalogue()["objects"], {}, [&](const sql::Row& row) {
        script += "DROP " + std::string(row.text(0)) + " \"" + std::string(row.text(1)) + "\";\n";
      });
      c.exec(script);
      c.commit();
      c.confirm();
    } catch (...) {
      c.rollback();
      throw;
    }
  });
  const std::lock_guard lock(epoch_mutex_);
  epoch_.clear();
}

// ------------------------------------------------------------------------------------------------ where things run

template <class Result>
Result SqliteDialect::write(Now now, const std::function<Result(const Context&)>& operation) {
  Result result{};
  // The time is read under the write lock: read before the wait for it, it would be older than what others wrote
  // meanwhile, and their leases would seem to begin in the future.
  const auto run = [&](bool as_usual) {
    writer_.write([&](sql::Session& session) { result = operation(Context{session, queries(), at(now), as_usual}); });
  };
  try {
    run(true);
  } catch (const Error& e) {
    if (e.code() != Errc::retry_transaction) throw;
    run(false);
  }
  return result;
}

/// For operations that compare or set leases: first ends those of another steady clock.
template <class Result>
Result SqliteDialect::write_leases(Now now, const std::function<Result(const Context&)>& operation) {
  const std::string epoch = clock_->steady_epoch();
  const auto known = [&] {
    const std::lock_guard lock(epoch_mutex_);
    return epoch_ == epoch;
  }();
  if (known) return write(now, operation);
  Result result = write<Result>(now, [&](const Context& c) {
    end_foreign_leases(c, epoch);
    return operation(c);
  });
  const std::lock_guard lock(epoch_mutex_);
  epoch_ = epoch;
  return result;
}

/// For claims: a process that holds leases has told the others which process it is.
template <class Result>
Result SqliteDialect::claiming(Now now, const std::function<Result(const Context&)>& operation) {
  Result result = write_leases<Result>(now, [&](const Context& c) {
    if (!enlisted_ && !options_.in_memory()) enlist(c);
    return operation(c);
  });
  enlisted_ = true;
  return result;
}

template <class Result>
Result SqliteDialect::within(const Tx& tx, Now now, const std::function<Result(const Context&)>& operation) {
  NativeSession session(borrowed_handle(tx), NativeSession::Plans::each_time);
  return operation(Context{session, queries(), at(now)});
}

template <class Result>
Result SqliteDialect::read(const std::function<Result(const Context&)>& operation) {
  Result result{};
  const auto work = [&](sql::Session& session) { result = operation(Context{session, queries(), {}}); };
  if (options_.in_memory()) {
    writer_.exclusive([&](Connection& c) { read_on(c, work); });
  } else {
    readers_.read(work);
  }
  return result;
}

sqlite3* SqliteDialect::borrowed_handle(const Tx& tx) {
  sql::check_handle(tx, "sqlite");
  void* handle = nullptr;
  if (tx.type() == handle_type) handle = tx.handle();
  if (tx.type() == soci_session_type) handle = handle_of(*static_cast<soci::session*>(tx.handle()));
  if (handle == nullptr) {
    throw Error(Errc::invalid_argument, "this transaction (" + std::string(tx.type()) +
                                            ") is not one of a SQLite connection, but the Database is: borrow a "
                                            "sqlite3* or a soci::session of the sqlite3 backend", "sqlite");
  }
  auto* const connection = static_cast<sqlite3*>(handle);
  if (sqlite3_get_autocommit(connection) != 0) {
    throw Error(Errc::misuse, "the borrowed connection is not inside a transaction: begin one first (BEGIN IMMEDIATE), "
                              "or enqueue without it", "sqlite");
  }
  if (options_.in_memory() || !writer_.connection().same_file(sqlite3_db_filename(connection, "main"))) {
    throw Error(Errc::invalid_argument, "the borrowed connection has another file open than the Database", "sqlite");
  }
  return connection;
}

// ------------------------------------------------------------------------------------------------ operations

std::vector<Enqueued> SqliteDialect::enqueue(std::span<const backend::EnqueueItem> items, const Tx* tx, Now now) {
  const auto operation = [&](const Context& c) { return sqlite::enqueue(c, items); };
  using Answers = std::vector<Enqueued>;
  if (tx != nullptr) return within<Answers>(*tx, now, operation);
  Answers answers = write<Answers>(now, operation);
  hints_.notify();
  return answers;
}

std::vector<CancelStatus> SqliteDialect::cancel(std::span<const JobId> ids, const Tx* tx, Now now) {
  const auto operation = [&](const Context& c) { return sqlite::cancel(c, ids); };
  using Answers = std::vector<CancelStatus>;
  if (tx != nullptr) return within<Answers>(*tx, now, operation);
  Answers answers = write<Answers>(now, operation);
  hints_.notify();
  return answers;
}

backend::ClaimResult SqliteDialect::claim(const backend::ClaimRequest& request) {
  return sql::claim_apart(
      request, aside_, request.now ? request.now->steady : clock_->steady(),
      [&] { return finish_and_claim({.claim = request}).claim; },
      [&](const backend::ClaimRequest& part, const sql::Selection& selection) {
        return claiming<backend::ClaimResult>(
            part.now, [&](const Context& c) { return sqlite::claim_some(c, part, selection); });
      },
      [&](JobId id, std::string_view why) { return give_up(id, why, request.now); });
}

backend::HandOverResult SqliteDialect::finish_and_claim(const backend::HandOverRequest& request) {
  auto result = claiming<backend::HandOverResult>(
      request.claim.now, [&](const Context& c) { return sqlite::finish_and_claim(c, request); });
  hints_.claimed(result.claim);
  if (hints_.are_news(request, result.claim)) hints_.notify();
  return result;
}

std::vector<FinishStatus> SqliteDialect::finish(std::span<const backend::Finish> items, const Tx* tx, Now now) {
  const auto operation = [&](const Context& c) { return sqlite::finish(c, items); };
  using Answers = std::vector<FinishStatus>;
  if (tx != nullptr) return within<Answers>(*tx, now, operation);
  Answers answers = write<Answers>(now, operation);
  if (hints_.are_news(items)) hints_.notify();
  return answers;
}

std::vector<LeaseStatus> SqliteDialect::heartbeat(std::span<const backend::LeaseRef> leases, Now now) {
  return write_leases<std::vector<LeaseStatus>>(now, [&](const Context& c) { return sqlite::heartbeat(c, leases); });
}

std::vector<bool> SqliteDialect::publish(std::span<const backend::Interim> items, Now now) {
  return write<std::vector<bool>>(now, [&](const Context& c) { return sqlite::publish(c, items); });
}

SteadyPoint SqliteDialect::ended_by(Instant now) const {
  return std::min(now.steady, lock_watch().spared_after().value_or(now.steady));
}

bool SqliteDialect::give_up(JobId id, std::string_view why, Now now) {
  return write_leases<bool>(
      now, [&](const Context& c) { return sqlite::give_up(c, id, why, ended_by(c.now)); });
}

ReapReport SqliteDialect::reap(std::span<const std::string> names, std::size_t limit, Now now) {
  auto report = sql::reap_apart(
      [&](std::span<const JobId> only) {
        return write_leases<ReapReport>(
            now, [&](const Context& c) { return sqlite::reap(c, names, limit, ended_by(c.now), only); });
      },
      [&] {
        return write_leases<std::vector<JobId>>(
            now, [&](const Context& c) { return sqlite::ended(c, names, limit, ended_by(c.now)); });
      },
      [&](JobId id, std::string_view why) { return give_up(id, why, now); });
  if (!report.returned.empty()) hints_.notify();
  return report;
}

std::vector<bool> SqliteDialect::take_back_crashes(std::span<const backend::OutlivedClaim> claims, Now now) {
  auto answers =
      write<std::vector<bool>>(now, [&](const Context& c) { return sqlite::take_back_crashes(c, claims); });
  hints_.notify();  // one that was errored may be pending again
  return answers;
}

PurgeReport SqliteDialect::purge(std::size_t limit, Now now) {
  return write<PurgeReport>(now, [&](const Context& c) { return sqlite::purge(c, limit); });
}

std::vector<ActionStatus> SqliteDialect::act(std::span<const JobId> ids, backend::Action what, Now now) {
  auto answers = write<std::vector<ActionStatus>>(now, [&](const Context& c) { return sqlite::act(c, ids, what); });
  if (what != backend::Action::erase) hints_.notify();
  return answers;
}

std::vector<RequeueStatus> SqliteDialect::requeue(std::span<const JobId> ids, Now now) {
  auto answers = write<std::vector<RequeueStatus>>(now, [&](const Context& c) { return sqlite::requeue(c, ids); });
  hints_.notify();
  return answers;
}

std::vector<bool> SqliteDialect::append_logs(std::span<const LogLine> lines) {
  return write<std::vector<bool>>({}, [&](const Context& c) { return sqlite::append_logs(c, lines); });
}

// ------------------------------------------------------------------------------------------------ for SqlDialect

const sql::ReadQueries& SqliteDialect::read_queries() const noexcept { return queries().reading; }

std::optional<std::int64_t> SqliteDialect::wall_us(Now now) const { return sql::us(at(now).wall); }

void SqliteDialect::run_read(const Read& read_it, sql::Statements) {
  read<bool>([&](const Context& c) { return read_it(c.session), true; });
}

void SqliteDialect::run_read_within(const Tx& tx, const Read& read_it) {
  within<bool>(tx, {}, [&](const Context& c) { return read_it(c.session), true; });
}

void SqliteDialect::run_write(Now now, const Write& write_it) {
  write<bool>(now, [&](const Context& c) { return write_it(c.session, sql::us(c.now.wall)), true; });
}

// ------------------------------------------------------------------------------------------------ wake-ups

bool SqliteDialect::foreign_commit() {
  // Asked on the writing connection, whose own commits do not count. If it is busy, the next look will do.
  bool changed = false;
  writer_.try_exclusive([&](Connection& c) {
    const std::int64_t version = c.data_version();
    changed = version != data_version_;
    data_version_ = version;
  });
  return changed;
}

}  // namespace sqlq::sqlite
