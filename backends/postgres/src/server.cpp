#include "server.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include <sqlq/clock.hpp>
#include <sqlq/error.hpp>
#include <sqlq/postgres.hpp>

#include "connection.hpp"
#include "soci_bridge.hpp"
#include "sql/borrowed.hpp"
#include "sql/job_row.hpp"
#include "sql/migrations.hpp"
#include "watcher.hpp"

namespace sqlq::postgres {
namespace {

PgConnection& native(sql::Connection& connection) { return static_cast<PgConnection&>(connection); }

[[noreturn]] void refuse(Errc code, const std::string& what) { throw Error(code, "PostgreSQL: " + what, "postgres"); }

PGconn* handle_in(const Tx& tx) {
  sql::check_handle(tx, "postgres");
  PGconn* handle = nullptr;
  if (tx.type() == handle_type) handle = static_cast<PGconn*>(tx.handle());
  if (tx.type() == soci_session_type) handle = handle_of(*static_cast<soci::session*>(tx.handle()));
  if (handle == nullptr) {
    refuse(Errc::invalid_argument, "this transaction (" + std::string(tx.type()) +
                                       ") is not one of a PostgreSQL connection, but the Database is: borrow a PGconn* "
                                       "or a soci::session of the postgresql backend");
  }
  return handle;
}

/// The connection must be inside a transaction that can go on, and idle.
void check_transaction(const PGconn* handle) {
  if (PQstatus(handle) != CONNECTION_OK) refuse(Errc::connection, "your connection is broken; open it again");
  if (PQpipelineStatus(handle) != PQ_PIPELINE_OFF) {
    refuse(Errc::misuse, "your connection is in pipeline mode; leave it first");
  }
  switch (PQtransactionStatus(handle)) {
    case PQTRANS_INTRANS: break;
    case PQTRANS_IDLE: refuse(Errc::misuse, "your connection is not inside a transaction; begin one first");
    case PQTRANS_INERROR: refuse(Errc::misuse, "your transaction has failed before; roll it back");
    case PQTRANS_ACTIVE: refuse(Errc::misuse, "your connection is busy; read the answer to its command first");
    case PQTRANS_UNKNOWN: refuse(Errc::connection, "your connection is broken; open it again");
  }
  if (std::strcmp(pg_encoding_to_char(PQclientEncoding(handle)), "UTF8") != 0) {
    refuse(Errc::invalid_argument, "the client_encoding of your connection is not UTF8; set it: "
                                   "PQsetClientEncoding(connection, \"UTF8\")");
  }
}

/// For connections that wait for nobody's lock on a table.
Options impatient(Options options) {
  options.lock_timeout = std::min<Duration>(options.lock_timeout, std::chrono::milliseconds(250));
  return options;
}

backend::Capabilities capabilities_of(const Options& options) {
  return {.cross_process_wakeup = options.watch,
          .database_clock = true,
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
          .longest_result = std::size_t{500} << 20};  // a parameter has 1 GiB, and a character may need an escape
}

}  // namespace

PgServer::PgServer(Options options)
    : options_(std::move(options)),
      renewing_(impatient(options_)),
      schema_(options_.schema),
      capabilities_(capabilities_of(options_)) {}

std::string PgServer::description() const {
  std::string text = "PostgreSQL ";
  {
    const std::lock_guard lock(mutex_);
    text += version_;
  }
  text += " at ";
  bool first = true;
  for (const auto& [host, port] : options_.hosts) {
    text += std::exchange(first, false) ? "" : ",";
    text += host.empty() ? "the local server" : host;
    if (!port.empty()) text += ":" + port;
  }
  for (const auto& [name, value] : options_.keywords) {
    if (name == "dbname") text += "/" + value;
  }
  return text + ", schema " + options_.schema + (options_.pooled ? ", pooled" : "");
}

std::unique_ptr<sql::Connection> PgServer::connect(const Options& options) {
  auto connection = std::make_unique<PgConnection>(options, schema_.texts());
  const char* version = PQparameterStatus(connection->handle(), "server_version");
  const std::lock_guard lock(mutex_);
  version_ = version != nullptr ? version : std::to_string(PQserverVersion(connection->handle()) / 10000);
  return connection;
}

bool PgServer::locked_out(const Error& error) const noexcept { return error.native_code() == native_code("55P03"); }

std::unique_ptr<sql::Session> PgServer::borrow(const Tx& tx) {
  PGconn* handle = handle_in(tx);
  check_transaction(handle);
  return PgSession::borrowed(handle, schema_.texts(), options_.patience());
}

// ------------------------------------------------------------------------------------------------ schema

namespace {

/// Tries until the lock of the migrations is taken.
void wait_for_lock(const std::function<bool()>& take) {
  const auto clock = system_clock();
  const SteadyPoint end = saturating_add(clock->steady(), std::chrono::minutes(2));
  while (!take()) {
    if (clock->steady() >= end) {
      throw Error(Errc::busy, "another process has been migrating this schema for two minutes: try again", "postgres");
    }
    clock->make_signal()->wait_until(saturating_add(clock->steady(), std::chrono::milliseconds(20)));
  }
}

}  // namespace

void PgServer::begin_alone(PgConnection& c) const {
  wait_for_lock([&] {
    c.begin_patient();
    const bool locked = c.session().integer(schema_.queries().migration_lock).value_or(0) != 0;
    if (!locked) c.rollback();
    return locked;
  });
}

TimePoint PgServer::time_of(sql::Session& s, const backend::Now& now) const {
  const auto given = now ? std::optional(sql::us(now->wall)) : std::nullopt;
  return sql::wall(s.integer(schema_.queries().clock_now, {{"now", given}}).value_or(0));
}

int PgServer::migrate(sql::Connection& connection, backend::Direction direction, int target, const backend::Now& now) {
  marks_.forget();
  PgConnection& c = native(connection);
  int steps = 0;
  for (;;) {
    int current = 0;
    steps += migrate_inside(c, direction, target, now, current);
    if (sql::next_outside(schema_.migrations(), current, direction, target) == nullptr) return steps;
    steps += migrate_outside(direction, target, now);
  }
}

int PgServer::migrate_inside(PgConnection& c, backend::Direction direction, int target, const backend::Now& now,
                             int& current) {
  const Queries& q = schema_.queries();
  sql::Session& s = c.session();
  try {
    begin_alone(c);
    auto status = sql::read_status(s, schema_.catalogue(), schema_.migrations());
    sql::check_target(status, direction, target);
    const bool up = direction == backend::Direction::up && target > status.current;
    if (up && s.integer(q.schema_exists).value_or(0) == 0) s.execute(q.schema_make);
    const int steps = sql::run_steps(s, schema_.catalogue(), schema_.migrations(), status, direction, target,
                                     time_of(s, now), [&](const std::string& text) { c.script(text); });
    c.commit();
    current = status.current;
    return steps;
  } catch (...) {
    c.rollback();
    throw;
  }
}

int PgServer::migrate_outside(backend::Direction direction, int target, const backend::Now& now) {
  if (options_.pooled) {
    throw Error(Errc::configuration,
                "the next migration runs outside of a transaction, under a lock of the session, which a pooler in "
                "transaction mode does not keep: migrate by a URL that leads to the server itself",
                "postgres");
  }
  const auto own = connect();  // the lock goes with it, and so do its settings
  PgConnection& c = native(*own);
  c.be_patient();
  wait_for_lock([&] { return c.session().integer(schema_.queries().migration_lock_session).value_or(0) != 0; });
  return sql::run_outside(c, schema_.catalogue(), schema_.migrations(), direction, target, time_of(c.session(), now));
}

void PgServer::teardown(sql::Connection& connection) {
  marks_.forget();
  PgConnection& c = native(connection);
  try {
    begin_alone(c);
    std::vector<std::string> others;
    c.session().execute(schema_.queries().in_the_way, {},
                        [&](const sql::Row& row) { others.emplace_back(row.text(0)); });
    sql::refuse_teardown(others, "postgres");
    std::vector<std::string> drops;
    c.session().execute(schema_.queries().drops, {}, [&](const sql::Row& row) { drops.emplace_back(row.text(0)); });
    for (const std::string& drop : drops) c.script(drop);
    c.commit();
  } catch (...) {
    c.rollback();
    throw;
  }
}

std::string PgServer::layout() const { return std::string(sql::file_text(schema_files(), "layout.txt")); }

// ------------------------------------------------------------------------------------------------ wake-ups

Notifier& PgServer::notifier() {
  const std::lock_guard lock(mutex_);
  if (!notifier_) notifier_ = std::make_unique<Notifier>(options_, schema_);
  return *notifier_;
}

void PgServer::announce() noexcept {
  if (!options_.watch) return;
  try {
    notifier().announce();
  } catch (...) {  // no thread to be had: hints may be lost
  }
}

// The user commits when he likes and tells nobody; the server can be asked whether he has.
void PgServer::announce_when_committed(sql::Session& borrowed) {
  if (!options_.watch) return;
  std::string transaction;
  borrowed.execute(q_.transaction_id, {}, [&](const sql::Row& row) { transaction = row.text(0); });
  try {
    notifier().announce_after(std::move(transaction));
  } catch (...) {  // no thread to be had: hints may be lost
  }
}

std::shared_ptr<void> PgServer::watch(std::function<void()> heard) {
  return std::make_shared<Watcher>(options_, schema_.channel(), std::move(heard));
}

}  // namespace sqlq::postgres
