#include "runner.hpp"

#include <sqlite3.h>

#include <algorithm>

#include <sqlq/error.hpp>
#include <sqlq/sqlite.hpp>

#include "native_session.hpp"
#include "operations.hpp"
#include "processes.hpp"
#include "soci_bridge.hpp"
#include "sql/borrowed.hpp"
#include "watcher.hpp"

namespace sqlq::sqlite {

namespace {

backend::Capabilities capabilities_of(const Options& options) {
  const bool file = !options.in_memory();
  return {.shared_storage = file,
          .survives_reopen = file,
          .borrowed_transactions = file,  // a second connection cannot reach a private database
          .cross_process_wakeup = file && options.watch,
          .hand_over = true,
          .outages = true,
          .workers = true,
          .editing = true,
          .insight = true,
          .transfer = true,
          .headers = true,
          .periodic = true,
          .steps = true,
          .inbox = true,
          .limits = true,
          .longest_result = std::size_t{400} << 20};  // a row has 1,000,000,000 bytes at most, its params included
}

}  // namespace

Runner::Runner(Options options, std::shared_ptr<Clock> clock)
    : options_(std::move(options)),
      capabilities_(capabilities_of(options_)),
      clock_(std::move(clock)),
      writer_(options_, clock_),
      readers_(options_, writer_.connection()) {}

std::string Runner::description() const {
  return std::string("SQLite ") + sqlite3_libversion() + ", " + (options_.in_memory() ? "in memory" : options_.path) +
         (options_.full_sync ? "" : ", synchronous=normal");
}

// ------------------------------------------------------------------------------------------------ where things run

// The time of a request was read before it waited for the lock: by a test's clock, which others read as well, it may be
// over.
backend::Now Runner::at(const backend::Now& now) const {
  const bool over = now && clock_->simulated() && now->steady < clock_->steady();
  return now && !over ? now : clock_->instant();
}

void Runner::write(sql::Task task, const backend::Now& now, Operation operation, core::FunctionRef<void()>) {
  const bool of_leases = task != sql::Task::plain && task != sql::Task::shared && task != sql::Task::aside;
  const std::string epoch = of_leases ? clock_->steady_epoch() : std::string();
  const bool known = !of_leases || knows(epoch);
  // The time is read under the write lock: read before the wait for it, it would be older than what others wrote
  // meanwhile, and their leases would seem to begin in the future.
  const auto run = [&](bool as_usual) {
    writer_.write([&](sql::Session& session) {
      sql::Work work(session, at(now), nullptr);
      if (as_usual) work.expect_as_usual();
      if (task == sql::Task::sweep) work.spare(spared(*work.now()));
      if (!known) end_foreign_leases(Context(work), epoch);
      if (task == sql::Task::claim && !enlisted_ && !options_.in_memory()) enlist(Context(work));
      operation(work);
    });
  };
  try {
    run(true);
  } catch (const Error& e) {
    if (e.code() != Errc::retry_transaction) throw;
    run(false);
  }
  if (!known) {
    const core::MutexLock lock(epoch_mutex_);
    epoch_ = epoch;
  }
  if (task == sql::Task::claim) enlisted_ = true;
}

bool Runner::knows(const std::string& epoch) {
  const core::MutexLock lock(epoch_mutex_);
  return epoch_ == epoch;
}

// Under the lock, so that nobody else takes it for long between this look and the write.
Duration Runner::spared(Instant now) const {
  const SteadyPoint after = lock_watch().spared_after().value_or(now.steady);
  return now.steady - std::min(now.steady, after);
}

void Runner::within(const Tx& tx, const backend::Now& now, Operation operation) {
  NativeSession session(borrowed_handle(tx), NativeSession::Plans::each_time);
  sql::Work work(session, at(now), nullptr);
  operation(work);
}

void Runner::read(core::FunctionRef<void(sql::Session&)> operation, sql::Statements) {
  if (options_.in_memory()) {
    writer_.exclusive([&](Connection& c) { read_on(c, operation); });
  } else {
    readers_.read(operation);
  }
}

void Runner::change_schema(core::FunctionRef<void(sql::Connection&)> change) {
  enlisted_ = false;
  writer_.exclusive(change);
  const core::MutexLock lock(epoch_mutex_);
  epoch_.clear();  // the tables that knew it may be new
}

sqlite3* Runner::borrowed_handle(const Tx& tx) {
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

// ------------------------------------------------------------------------------------------------ wake-ups

std::shared_ptr<void> Runner::watch(std::function<void()> heard) {
  return std::make_shared<Watcher>([this] { return foreign_commit(); }, std::move(heard));
}

bool Runner::foreign_commit() {
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
