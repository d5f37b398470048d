#include "connection.hpp"

#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "errors.hpp"
#include "platform/wake_up.hpp"
#include "sql/doubt.hpp"

namespace sqlq::mysql {
namespace {

unsigned seconds_of(Duration d) {
  return static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(d).count());
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

/// The file with the authorities that this system trusts.
std::string system_authorities() {
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    std::error_code none;
    if (std::filesystem::exists(file, none)) return file;
  }
  throw Error(Errc::configuration,
              "tls=verify needs the authorities that may sign the server's certificate, and this system has no file of "
              "them: name yours with the URL option 'ca'",
              "mysql");
}

/// Who must have signed the server's certificate; empty: it does not matter. Never left to the client library where it
/// does: from 3.4 on, Connector/C without a file accepts what nobody signed of a server that knows the password.
std::string authorities(const Options& o) {
  const bool asked = o.tls == Options::Tls::verify && o.socket.empty() && o.ca.empty();
  return asked ? system_authorities() : o.ca;
}

void set_up_tls(MYSQL* handle, const Options& o, const std::string& ca) {
  if (o.tls == Options::Tls::off || !o.socket.empty()) return;
  mysql_ssl_set(handle, or_null(o.key), or_null(o.cert), or_null(ca), nullptr, nullptr);
  const my_bool yes = 1;
  const my_bool verify = o.tls == Options::Tls::verify ? 1 : 0;  // the default depends on the client library
  if (o.tls != Options::Tls::prefer) mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &yes);
  mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

/// The client library goes on without TLS where a server has none, whatever was asked of it.
void check_tls(MYSQL* handle, const Options& o, const std::string& place) {
  const bool needed = o.socket.empty() && (o.tls == Options::Tls::require || o.tls == Options::Tls::verify);
  if (!needed || mysql_get_ssl_cipher(handle) != nullptr) return;
  throw Error(Errc::configuration,
              "the server at " + place + " has no TLS, and the URL option 'tls' requires it: set it up, or tls=prefer",
              "mysql");
}

MYSQL* make_handle(const Options& o) {
  const std::string ca = authorities(o);
  MYSQL* handle = mysql_init(nullptr);
  if (handle == nullptr) throw Error(Errc::busy, "no memory for a connection", "mysql");
  const unsigned connect = seconds_of(o.connect_timeout);
  const unsigned read = seconds_of(o.read_timeout);
  mysql_optionsv(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
  mysql_optionsv(handle, MYSQL_OPT_READ_TIMEOUT, &read);
  mysql_optionsv(handle, MYSQL_OPT_WRITE_TIMEOUT, &read);
  mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const my_bool no = 0;
  mysql_optionsv(handle, MYSQL_OPT_RECONNECT, &no);
  const unsigned no_files = 0;
  mysql_optionsv(handle, MYSQL_OPT_LOCAL_INFILE, &no_files);
  const unsigned transport = o.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
  mysql_optionsv(handle, MYSQL_OPT_PROTOCOL, &transport);  // "localhost" is a host, not a socket
  set_up_tls(handle, o, ca);
  return handle;
}

/// The server's text of an old MariaDB of the replication protocol: "5.5.5-10.11.6-MariaDB" is a 10.11.
std::string real_version(std::string_view text) {
  constexpr std::string_view disguise = "5.5.5-";
  if (text.starts_with(disguise)) text.remove_prefix(disguise.size());
  return std::string(text);
}

/// "10.11.6-MariaDB-..." as 10011006.
int number_of(const std::string& version) {
  std::array<int, 3> parts{};
  const char* at = version.data();
  const char* const end = at + version.size();
  for (int& part : parts) {
    at = std::from_chars(at, end, part).ptr;
    if (at != end && *at == '.') ++at;
  }
  return parts[0] * 1'000'000 + parts[1] * 1'000 + parts[2];
}

constexpr unsigned unknown_variable = 1193;

void check_version(const Greeting& server) {
  const int least = server.mariadb ? 10'006'000 : 8'000'016;
  if (number_of(server.version) >= least) return;
  throw Error(Errc::configuration,
              std::string(server.mariadb ? "MariaDB " : "MySQL ") + server.version + " at " + server.place +
                  " is too old: sqlq needs MariaDB 10.6 or MySQL 8.0.16, or newer",
              "mysql");
}

}  // namespace

std::unique_ptr<Connection> Connection::open(const Options& options, const sql::Statement& server) {
  std::optional<Error> last;
  for (const auto& [host, port] : options.hosts) {
    MYSQL* const handle = make_handle(options);
    const bool local = !options.socket.empty();
    const std::string place = local ? options.socket : host + ":" + std::to_string(port == 0 ? 3306 : port);
    std::unique_ptr<Connection> connection(new Connection(handle, place));
    try {
      if (mysql_real_connect(handle, local ? nullptr : host.c_str(), or_null(options.user), options.password.c_str(),
                             options.database.c_str(), static_cast<unsigned>(port), or_null(options.socket),
                             CLIENT_FOUND_ROWS) == nullptr) {
        raise_connect(mysql_errno(handle), mysql_error(handle), place);
      }
      // A program that a handler starts must not keep the server from noticing that this process has died.
      platform::close_in_programs(static_cast<int>(mysql_get_socket(handle)));
      check_tls(handle, options, place);
      try {
        connection->configure(options);
      } catch (const Error& e) {
        if (e.native_code() == unknown_variable) connection->greet(server);  // it is too old to know all settings
        throw;
      }
      connection->greet(server);
      if (!connection->greeting_.read_only) return connection;
      throw Error(Errc::wrong_node, "the server at " + place + " is read-only: connect to the primary", "mysql");
    } catch (const Error& e) {
      if (!e.retryable() && e.code() != Errc::configuration) throw;  // another host may be set up better
      last = e;
    }
    if (local) break;
  }
  throw Error(*last);
}

Connection::~Connection() { mysql_close(handle_); }

/// The server's defaults and init_connect must not decide which rows a statement may read and change, what it returns,
/// or when a transaction ends. A plan that reads rows that it does not need locks them too, so the settings that plans
/// depend on besides FORCE INDEX are set as well. DEFAULT would be the server's global value.
void Connection::configure(const Options& o) {
  greeting_.mariadb = mariadb_connection(handle_) != 0;
  const auto whole = [](Duration d) { return std::to_string(seconds_of(d)); };
  std::string text =
      "SET SESSION autocommit = 1, completion_type = 0, sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
      "character_set_client = utf8mb4, character_set_connection = utf8mb4, character_set_results = utf8mb4, "
      "sql_select_limit = 18446744073709551615, sql_big_selects = 1, sql_safe_updates = 0, sql_auto_is_null = 0, "
      "unique_checks = 1, max_sort_length = 1024, innodb_lock_wait_timeout = " +
      whole(o.lock_timeout) + ", lock_wait_timeout = " + whole(o.lock_timeout);
  // The server ends what a client that stopped or is gone has left. MySQL's timeout is for any idle connection; the
  // pool closes its own before that (options.cpp).
  if (greeting_.mariadb) {
    text += ", idle_transaction_timeout = " + whole(o.idle_transaction_timeout.value_or(Options::idle_on_mariadb)) +
            ", idle_readonly_transaction_timeout = 0, idle_write_transaction_timeout = 0"
            ", wait_timeout = " + whole(Options::idle_connections) +
            ", max_statement_time = " + whole(o.statement_timeout) +
            ", optimizer_switch = 'extended_keys=on,mrr=off', join_cache_level = 2"
            ", optimizer_max_sel_arg_weight = 32000, in_predicate_conversion_threshold = 1000"
            ", max_recursive_iterations = 1000";
  } else {
    constexpr unsigned long with_hypergraph = 80400;
    const bool hypergraph = mysql_get_server_version(handle_) >= with_hypergraph;
    text += ", wait_timeout = " + whole(o.idle_transaction_timeout.value_or(Options::idle_on_mysql)) +
            ", max_execution_time = " + std::to_string(o.statement_timeout.count() / 1000) +
            ", optimizer_switch = 'use_index_extensions=on,batched_key_access=off" +
            (hypergraph ? ",hypergraph_optimizer=off'" : "'") +
            ", range_optimizer_max_mem_size = 8388608, cte_max_recursion_depth = 1000";
  }
  session_.run(text, "session settings");
  session_.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE", "session settings");
}

void Connection::greet(const sql::Statement& server) {
  session_.execute(server, {}, [&](const sql::Row& row) {
    greeting_.version = real_version(row.text(0));
    session_.behave({.backslashes = true, .packet = static_cast<std::size_t>(row.integer(1))});
    greeting_.read_only = row.integer(2) != 0;
  });
  check_version(greeting_);
  // A node of Galera that the others have left behind answers SELECTs without tables as if all were well.
  session_.run("DO 0", "greeting");
  see_all_nodes();
}

/// All statements that follow see the commits of every node of Galera. Else the node that a process goes to when its
/// own is gone may not know of a claim yet, and takes the outcome for a stale one.
void Connection::see_all_nodes() {
  constexpr std::string_view text = "SET SESSION wsrep_sync_wait = 7";  // SELECT, UPDATE and DELETE, INSERT
  // A server that can be no node does not know it.
  if (mysql_real_query(handle_, text.data(), text.size()) != 0 && mysql_errno(handle_) != unknown_variable) {
    raise(handle_, "session settings");
  }
}

void Connection::begin() { session_.run("START TRANSACTION READ WRITE", "begin"); }

void Connection::begin_snapshot() {
  session_.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "begin");  // for the next one only
  session_.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", "begin");
}

void Connection::commit() {
  try {
    session_.run("COMMIT", "commit");
  } catch (const Error& e) {
    // The server has rolled back, or the server itself does not know.
    if (e.code() == Errc::retry_transaction || e.outcome_unknown()) throw;
    doubtful_ = true;
    throw sql::in_doubt(e);
  }
}

void Connection::rollback() noexcept {
  if (session_.silent() || doubtful_) return;
  try {  // also on a connection that is thrown away next: the server would keep its locks until it notices
    session_.run("ROLLBACK", "rollback");
  } catch (...) {
    doubtful_ = true;
  }
}

void Connection::script(const std::string& text) {
  for (const std::string& statement : split(text)) session_.run(statement, "migration");
}

bool Connection::usable() const noexcept {
  return !session_.lost() && !doubtful_ && (handle_->server_status & SERVER_STATUS_IN_TRANS) == 0;
}

std::vector<std::string> split(const std::string& script) {
  std::vector<std::string> statements(1);
  char quote = 0;
  for (std::size_t i = 0; i < script.size(); ++i) {
    const char c = script[i];
    if (quote == 0 && script.compare(i, 3, "-- ") == 0) {
      i = std::min(script.find('\n', i), script.size()) - 1;
    } else if (quote == 0 && c == ';') {
      statements.emplace_back();
    } else {
      if (quote != 0 ? c == quote : c == '\'' || c == '"' || c == '`') quote = quote != 0 ? '\0' : c;
      statements.back() += c;
    }
  }
  std::erase_if(statements, [](const std::string& s) { return s.find_first_not_of(" \n") == std::string::npos; });
  return statements;
}

}  // namespace sqlq::mysql
