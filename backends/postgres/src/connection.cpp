#include "connection.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include <sqlq/error.hpp>

#include "errors.hpp"
#include "platform/english.hpp"
#include "platform/random.hpp"
#include "sql/doubt.hpp"

namespace sqlq::postgres {
namespace {

constexpr int oldest_version = 130000;
constexpr int with_session_timeout = 140000;
constexpr int with_transaction_timeout = 170000;

std::string ms(Duration d) { return std::to_string((d.count() + 999) / 1000); }

/// Settings of a session, as the server wants them when it starts, whatever is the default of the server, the database
/// and the role. Timeouts; warnings, for one of them says that a commit is doubtful (on_notice); and plans that stay
/// right when a table has grown since they were made: by index and nested loops only, once for all values. Where no
/// other plan is possible, the forbidden ones look so dear that the compiler of plans would set to work, so it is off.
/// The mark tells later whether it is still this session that answers.
std::string session_settings(const Options& o, Role role, const std::string& mark) {
  std::string settings = "-c sqlq.session=" + mark + " -c statement_timeout=" + ms(o.statement_timeout) +
                         " -c lock_timeout=" + ms(o.lock_timeout) +
                         " -c idle_in_transaction_session_timeout=" + ms(o.idle_timeout) +
                         " -c client_min_messages=warning -c standard_conforming_strings=on";
  if (role == Role::hints) return settings + " -c synchronous_commit=off";  // what is announced is committed before
  return settings +
         " -c default_transaction_isolation=read\\ committed -c array_nulls=on -c transform_null_equals=off -c jit=off"
         " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off"
         " -c enable_hashjoin=off -c enable_mergejoin=off -c enable_indexscan=on -c enable_indexonlyscan=on"
         " -c enable_nestloop=on -c enable_sort=on -c from_collapse_limit=8 -c join_collapse_limit=8";
}

/// Timeouts that only newer servers have. They would end idle sessions of the pool, and long migrations.
std::vector<std::string> newer_timeouts(const PGconn* handle) {
  std::vector<std::string> names;
  if (PQserverVersion(handle) >= with_session_timeout) names.emplace_back("idle_session_timeout");
  if (PQserverVersion(handle) >= with_transaction_timeout) names.emplace_back("transaction_timeout");
  return names;
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

/// An error that libpq finds itself has no SQLSTATE, only a text; here it is English, whatever the program's language.
struct Trouble {
  std::string_view text;
  Errc code;
  std::string_view advice;
};
constexpr std::string_view tls =
    "check the URL option sslmode and the files that it needs (share/doc/sqlq/docs/security.md)";
constexpr std::array troubles{
    Trouble{"unsupported startup parameter", Errc::configuration,
            "a pooler is in between: set the URL option pooled=true"},
    Trouble{"no more connections allowed", Errc::busy, "raise the pooler's max_client_conn"},
    Trouble{"no password supplied", Errc::permission, "put the password in the URL, PGPASSWORD or ~/.pgpass"},
    Trouble{"authentication failed", Errc::permission, "check user and password of the URL"},
    Trouble{"no such user", Errc::permission, "check user and password of the URL"},
    Trouble{"no such database", Errc::configuration, "create the database, or correct its name in the URL"},
    Trouble{"SSL required", Errc::configuration, tls},
    Trouble{"certificate", Errc::configuration, tls},
    Trouble{"private key", Errc::configuration, tls},
    Trouble{"does not support SSL", Errc::configuration, tls},
    Trouble{"does not match host name", Errc::configuration, tls},
    Trouble{"GSSAPI encryption required", Errc::configuration, "check the URL option gssencmode"},
    Trouble{"channel binding", Errc::configuration, "check the URL option channel_binding"},
    Trouble{" value: \"", Errc::configuration, "correct the option in the URL or in libpq's environment variables"},
    Trouble{"authentication method", Errc::configuration, "the client library cannot do what the server asks for"},
    Trouble{"weak password", Errc::configuration, "see the server's log"},
};

Error connect_error(const PGconn* handle, const std::string& place) {
  const std::string message = PQerrorMessage(handle);
  const std::string state = sqlstate_in(message);
  const auto known = std::ranges::find_if(
      troubles, [&](const Trouble& t) { return message.find(t.text) != std::string::npos; });
  const bool protocol = state == "08P01";  // how poolers refuse
  if (!state.empty() && !(protocol && known != troubles.end())) {
    const auto begin = message.find(state) + 7;
    return make_error(state, "cannot connect to " + place + ": " + message.substr(begin, message.find('\n') - begin),
                      {});
  }
  const std::string text = "PostgreSQL: cannot connect to " + place + ": " + message.substr(0, message.find('\n'));
  if (known == troubles.end()) {
    return Error(Errc::connection, text + "; " + std::string(sql::look_for_the_server), "postgres");
  }
  return Error(known->code, text + "; " + std::string(known->advice), "postgres");
}

/// A pooler in transaction mode drops what a session sets, or hands on what another client has set. In a session of our
/// own the newer timeouts are off after this.
std::optional<Error> foreign_session(PGconn* handle, const std::string& mark, const std::string& place,
                                     SteadyPoint deadline, const platform::WakeUp* stop) {
  std::string query = "SELECT s.mark";
  for (const std::string& name : newer_timeouts(handle)) {
    query += ", CASE WHEN s.mark = '" + mark + "' THEN set_config('" + name + "', '0', false) END";
  }
  query += " FROM (SELECT current_setting('sqlq.session', true) AS mark) s";
  const bool sent = PQsendQuery(handle, query.c_str()) != 0;
  const Result result = sent ? receive(handle, deadline, stop) : nullptr;
  if (!result || PQntuples(result.get()) != 1) {
    return Error(Errc::connection, "PostgreSQL: " + place + " did not answer, or is going down", "postgres");
  }
  if (mark == PQgetvalue(result.get(), 0, 0)) return {};
  return Error(Errc::configuration,
               "PostgreSQL: at " + place + " is a pooler that keeps no session for each client: set the URL option "
               "pooled=true", "postgres");
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

Attempt attempt(const Options& o, Role role, const std::pair<std::string, std::string>& host,
                const platform::WakeUp* stop) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  const auto add = [&](const char* name, const std::string& value) {
    names.push_back(name);
    values.push_back(value.c_str());
  };
  for (const auto& [name, value] : o.keywords) add(name.c_str(), value);
  if (!host.first.empty()) add("host", host.first);
  if (!host.second.empty()) add("port", host.second);
  const std::string mark = std::to_string(platform::random64());
  const std::string settings = session_settings(o, role, mark);
  if (!o.pooled) add("options", settings);
  names.push_back(nullptr);
  values.push_back(nullptr);

  const platform::English english;  // libpq speaks the language of the program
  const SteadyPoint deadline = saturating_add(system_clock()->steady(), o.connect_timeout);
  const std::string place = host.first.empty() ? "the local server" : host.first + (host.second.empty() ? "" : ":") +
                                                                          host.second;
  Attempt a{.handle = Handle(PQconnectStartParams(names.data(), values.data(), 0))};
  if (!a.handle) throw Error(Errc::busy, "PostgreSQL: there is no memory for a connection", "postgres");
  PQsetErrorVerbosity(a.handle.get(), PQERRORS_VERBOSE);
  auto state = PQstatus(a.handle.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    const Until until = state == PGRES_POLLING_READING ? Until::readable : Until::writable;
    const auto waited = wait_for(a.handle.get(), until, deadline, stop);
    if (waited != Waited::ready) {
      a.error.emplace(Errc::connection,
                      "PostgreSQL: cannot connect to " + place + ": it did not answer within connect_timeout; " +
                          std::string(sql::look_for_the_server),
                      "postgres");
      return a;
    }
    state = PQconnectPoll(a.handle.get());
  }
  if (state == PGRES_POLLING_FAILED) {
    a.error = connect_error(a.handle.get(), place);
  } else if (PQserverVersion(a.handle.get()) < oldest_version) {
    const char* version = PQparameterStatus(a.handle.get(), "server_version");
    a.error.emplace(Errc::configuration,
                    "PostgreSQL " + std::string(version == nullptr ? "" : version) + " at " + place +
                        " is too old: sqlq needs PostgreSQL 13 or newer",
                    "postgres");
  } else if (o.writable && !writable(a.handle.get(), deadline)) {
    a.error = read_only(place);
  } else {
    if (!o.pooled) a.error = foreign_session(a.handle.get(), mark, place, deadline, stop);
    PQsetErrorVerbosity(a.handle.get(), PQERRORS_TERSE);
  }
  return a;
}

void ignore_notice(void*, const PGresult*) {}

}  // namespace

Handle connect(const Options& options, Role role, const platform::WakeUp* stop) {
  std::optional<Error> first;
  for (const auto& host : options.hosts) {
    Attempt a = attempt(options, role, host, stop);
    if (!a.error) {
      PQsetNoticeReceiver(a.handle.get(), &ignore_notice, nullptr);
      return std::move(a.handle);
    }
    if (!a.error->retryable()) throw *a.error;  // the next server would refuse it too
    // A server that is there and read-only says more than one that is not there; one that is full may be the right one.
    const bool better = !first || a.error->code() == Errc::busy ||
                        (a.error->code() == Errc::wrong_node && first->code() != Errc::busy);
    if (better) first = std::move(a.error);
  }
  throw *first;
}

PgConnection::PgConnection(const Options& options, const std::vector<std::string>& texts, Role role,
                           const platform::WakeUp* stop)
    : options_(options),
      handle_(connect(options, role, stop)),
      session_(handle_.get(), texts, options.pooled ? PgSession::Plans::each_time : PgSession::Plans::kept,
               options.patience(), stop) {
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

// Not READ WRITE: that would write on a primary that was demoted by default_transaction_read_only.
void PgConnection::begin() {
  std::string sql = "BEGIN ISOLATION LEVEL READ COMMITTED";
  if (options_.pooled) {
    sql += "; SET LOCAL statement_timeout = " + ms(options_.statement_timeout) +
           "; SET LOCAL lock_timeout = " + ms(options_.lock_timeout) +
           "; SET LOCAL idle_in_transaction_session_timeout = " + ms(options_.idle_timeout) +
           "; SET LOCAL client_min_messages = warning";
    if (PQserverVersion(handle_.get()) >= with_transaction_timeout) sql += "; SET LOCAL transaction_timeout = 0";
  }
  session_.command(sql);
}

void PgConnection::begin_snapshot() { session_.command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); }

void PgConnection::begin_patient() {
  begin();
  session_.command("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '30min'");
  session_.set_patience(std::chrono::minutes(31));
}

void PgConnection::be_patient() {
  session_.command("SET lock_timeout = '10min'; SET statement_timeout = 0");
  session_.set_patience(std::chrono::hours(24));
}

void PgConnection::commit() {
  std::string tag;
  try {
    tag = session_.command("COMMIT");
  } catch (const Error& e) {
    if (e.code() != Errc::connection) throw;
    throw sql::in_doubt(e);
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
