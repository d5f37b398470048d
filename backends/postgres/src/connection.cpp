#include "connection.hpp"

#include <poll.h>

#include <cstring>
#include <optional>

#include <sqlq/error.hpp>

#include "errors.hpp"

namespace sqlq::postgres {
namespace {

constexpr int oldest_version = 130000;

std::string ms(Duration d) { return std::to_string((d.count() + 999) / 1000); }

/// Settings of a session, as the server wants them when it starts. Timeouts; and plans that stay right when a table has
/// grown since they were made: by index and nested loops only, once for all values. Where no other plan is possible,
/// the forbidden ones look so dear that the compiler of plans would set to work, so it is off.
std::string session_settings(const Options& o, Role role) {
  std::string settings = "-c statement_timeout=" + ms(o.statement_timeout) + " -c lock_timeout=" + ms(o.lock_timeout) +
                         " -c idle_in_transaction_session_timeout=" + ms(o.idle_timeout);
  if (role == Role::hints) return settings + " -c synchronous_commit=off";  // what is announced is committed before
  return settings +
         " -c default_transaction_isolation=read\\ committed -c array_nulls=on -c jit=off"
         " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off"
         " -c enable_hashjoin=off -c enable_mergejoin=off";
}

struct Attempt {
  Handle handle{};
  std::optional<Error> error{};
};

/// The verbose message of a failed connect begins with its SQLSTATE: "FATAL:  28P01: password ...".
std::string sqlstate_in(const std::string& message) {
  for (std::size_t at = message.find(":  "); at != std::string::npos; at = message.find(":  ", at + 1)) {
    const std::string state = message.substr(at + 3, 5);
    if (message.compare(at + 8, 1, ":") == 0 && native_code(state) != 0) return state;
  }
  return {};
}

Error connect_error(const PGconn* handle, const std::string& place) {
  const std::string message = PQerrorMessage(handle);
  const std::string state = sqlstate_in(message);
  if (state.empty()) {
    const std::string why = message.substr(0, message.find('\n'));
    return Error(Errc::connection, "PostgreSQL: cannot connect to " + place + ": " + why, "postgres");
  }
  const auto begin = message.find(state) + 7;
  return make_error(state, "cannot connect to " + place + ": " + message.substr(begin, message.find('\n') - begin), {});
}

Error read_only(const std::string& place) {
  return Error(Errc::wrong_node, "PostgreSQL: " + place + " is a standby or read-only; name the primary in the URL, or "
                                 "all servers separated by commas", "postgres");
}

/// Is the server writable? Newer servers say so by themselves; a pooler or an older one is asked.
bool writable(PGconn* handle, SteadyPoint deadline) {
  const char* standby = PQparameterStatus(handle, "in_hot_standby");
  const char* read_only = PQparameterStatus(handle, "default_transaction_read_only");
  if (standby != nullptr && read_only != nullptr) {
    return std::strcmp(standby, "off") == 0 && std::strcmp(read_only, "off") == 0;
  }
  if (PQsendQuery(handle, "SHOW transaction_read_only") == 0) return false;
  const Result result = receive(handle, deadline);
  return result && PQntuples(result.get()) == 1 && std::strcmp(PQgetvalue(result.get(), 0, 0), "off") == 0;
}

Attempt attempt(const Options& o, Role role, const std::pair<std::string, std::string>& host, int stop) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  const auto add = [&](const char* name, const std::string& value) {
    names.push_back(name);
    values.push_back(value.c_str());
  };
  for (const auto& [name, value] : o.keywords) add(name.c_str(), value);
  if (!host.first.empty()) add("host", host.first);
  if (!host.second.empty()) add("port", host.second);
  const std::string settings = session_settings(o, role);
  if (!o.pooled) add("options", settings);
  names.push_back(nullptr);
  values.push_back(nullptr);

  const SteadyPoint deadline = saturating_add(system_clock()->steady(), o.connect_timeout);
  const std::string place = host.first.empty() ? "the local server" : host.first + (host.second.empty() ? "" : ":") +
                                                                          host.second;
  Attempt a{.handle = Handle(PQconnectStartParams(names.data(), values.data(), 0))};
  if (!a.handle) throw Error(Errc::busy, "PostgreSQL: there is no memory for a connection", "postgres");
  PQsetErrorVerbosity(a.handle.get(), PQERRORS_VERBOSE);
  auto state = PQstatus(a.handle.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    const auto waited = wait_for(a.handle.get(), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline, stop);
    if (waited != Waited::ready) {
      a.error.emplace(Errc::connection, "PostgreSQL: " + place + " did not answer within connect_timeout", "postgres");
      return a;
    }
    state = PQconnectPoll(a.handle.get());
  }
  if (state == PGRES_POLLING_FAILED) {
    a.error = connect_error(a.handle.get(), place);
  } else if (PQserverVersion(a.handle.get()) < oldest_version) {
    a.error.emplace(Errc::invalid_argument, "PostgreSQL: " + place + " has version " +
                                                std::to_string(PQserverVersion(a.handle.get()) / 10000) +
                                                "; 13 or newer is needed", "postgres");
  } else if (o.writable && !writable(a.handle.get(), deadline)) {
    a.error = read_only(place);
  } else {
    PQsetErrorVerbosity(a.handle.get(), PQERRORS_TERSE);
  }
  return a;
}

void ignore_notice(void*, const PGresult*) {}

}  // namespace

Handle connect(const Options& options, Role role, int stop) {
  std::optional<Error> first;
  for (const auto& host : options.hosts) {
    Attempt a = attempt(options, role, host, stop);
    if (!a.error) {
      PQsetNoticeReceiver(a.handle.get(), &ignore_notice, nullptr);
      return std::move(a.handle);
    }
    if (!a.error->retryable()) throw *a.error;  // the next server would refuse it too
    // A server that is there and read-only says more than one that is not there.
    if (!first || a.error->code() == Errc::wrong_node) first = std::move(a.error);
  }
  throw *first;
}

PgConnection::PgConnection(const Options& options, const std::vector<std::string>& texts, Role role)
    : options_(options),
      handle_(connect(options, role)),
      session_(handle_.get(), texts, options.pooled ? PgSession::Plans::each_time : PgSession::Plans::kept,
               options.patience()) {
  PQsetnonblocking(handle_.get(), 1);
  PQsetNoticeReceiver(handle_.get(), &on_notice, this);
}

/// Notices are for nobody, but for one: the wait for a synchronous standby was broken off.
void PgConnection::on_notice(void* self, const PGresult* notice) {
  const char* function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
  if (function != nullptr && std::strcmp(function, "SyncRepWaitForLSN") == 0) {
    static_cast<PgConnection*>(self)->session_.commit_is_doubtful();
  }
}

void PgConnection::begin() {
  std::string sql = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
  if (options_.pooled) {
    sql += "; SET LOCAL statement_timeout = " + ms(options_.statement_timeout) +
           "; SET LOCAL lock_timeout = " + ms(options_.lock_timeout) +
           "; SET LOCAL idle_in_transaction_session_timeout = " + ms(options_.idle_timeout);
  }
  session_.command(sql);
}

void PgConnection::begin_snapshot() { session_.command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); }

void PgConnection::begin_patient() {
  begin();
  session_.command("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '30min'");
  session_.set_patience(std::chrono::minutes(31));
}

void PgConnection::commit() {
  std::string tag;
  try {
    tag = session_.command("COMMIT");
  } catch (const Error& e) {
    if (e.code() != Errc::connection) throw;
    throw Error(Errc::outcome_unknown,
                std::string(e.what()) + "; it happened during COMMIT: repeat the call with the same ids or lease",
                "postgres", e.native_code());
  }
  session_.set_patience(options_.patience());
  if (tag != "COMMIT") {
    throw Error(Errc::retry_transaction, "PostgreSQL: the server rolled the transaction back instead of committing it",
                "postgres");
  }
}

void PgConnection::rollback() noexcept {
  try {
    session_.set_patience(std::chrono::seconds(5));
    if (PQstatus(handle_.get()) == CONNECTION_OK && !session_.spoiled() &&
        PQtransactionStatus(handle_.get()) != PQTRANS_IDLE) {
      session_.command("ROLLBACK");
    }
    session_.set_patience(options_.patience());
  } catch (...) {  // the state of the connection says so: it is not used again
  }
}

bool PgConnection::usable() const noexcept {
  return !session_.spoiled() && PQstatus(handle_.get()) == CONNECTION_OK &&
         PQtransactionStatus(handle_.get()) == PQTRANS_IDLE;
}

}  // namespace sqlq::postgres
