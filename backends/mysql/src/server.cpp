#include "server.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include <sqlq/mysql.hpp>

#include "core/findings.hpp"
#include "errors.hpp"
#include "soci_bridge.hpp"
#include "sql/borrowed.hpp"
#include "sql/migrations.hpp"

namespace sqlq::mysql {
namespace {

namespace found = core::found;

using Settings = std::map<std::string, std::string, std::less<>>;

bool is(const Settings& settings, std::string_view name, std::initializer_list<std::string_view> values) {
  const auto at = settings.find(name);
  return at != settings.end() && std::ranges::find(values, at->second) != values.end();
}

std::vector<Finding> findings_on(const Settings& s) {
  std::vector<Finding> findings;
  const auto say = [&](bool when, Finding finding) {
    if (when) findings.push_back(std::move(finding));
  };
  const bool logs = is(s, "log_bin", {"ON", "1"});
  say(!is(s, "innodb_flush_log_at_trx_commit", {"1"}),
      found::warning("durability",
                     "innodb_flush_log_at_trx_commit is not 1: commits of the last second may be lost when the "
                     "server's machine stops, also acknowledged jobs",
                     "set it to 1"));
  say(logs && !is(s, "sync_binlog", {"1"}),
      found::warning("durability",
                     "sync_binlog is not 1: after a crash of the server's machine replicas may lack acknowledged jobs",
                     "set it to 1"));
  say(is(s, "innodb_flush_method", {"nosync"}),
      found::warning("durability", "innodb_flush_method is nosync: nothing is safe from a power cut",
                     "take the setting out of the server's configuration and restart it"));
  say(is(s, "innodb_doublewrite", {"OFF", "0"}),
      found::warning("durability",
                     "innodb_doublewrite is off: a power cut can damage pages",
                     "switch it on, unless the file system writes pages whole"));
  say(logs && is(s, "binlog_format", {"STATEMENT"}),
      found::error("binlog_format",
                   "binlog_format is STATEMENT, with which READ COMMITTED transactions cannot be logged",
                   "set it to ROW"));
  say(is(s, "wsrep_on", {"ON", "1"}),
      found::note("cluster",
                  "this is a Galera cluster: workers on several nodes get in each other's way, which costs time",
                  "migrate on one node only, for the others do not know its lock"));
  if (const auto at = s.find("max_allowed_packet"); at != s.end() && std::stoll(at->second) < 4 << 20) {
    findings.push_back(found::warning("packet_size",
                                      "max_allowed_packet is " + at->second + ": jobs of 1 MiB need 4 MiB",
                                      "set it to 4194304 or more"));
  }
  return findings;
}

std::vector<Finding> findings_on_rows(sql::Session& session, const sql::Statement& without_jobs) {
  constexpr std::int64_t most = 1000;
  std::vector<Finding> findings;
  session.execute(without_jobs, {}, [&](const sql::Row& row) {
    const std::int64_t n = row.integer(1);
    if (n == 0) return;
    findings.push_back(found::note("rows_without_job",
                                   std::string(n >= most ? "at least " : "") + std::to_string(n) + " rows of sqlq_" +
                                       std::string(row.text(0)) +
                                       " belong to jobs that were deleted by hand; keys, ready and scheduled ones are "
                                       "removed when they are met",
                                   "delete jobs by Admin::erase"));
  });
  return findings;
}

/// A user that may not see the transactions of others (the right PROCESS) sees none.
std::vector<Finding> findings_on_snapshots(sql::Session& session, const sql::Statement& old_transactions) {
  constexpr std::int64_t long_enough = 60;  // seconds
  std::vector<Finding> findings;
  try {
    session.execute(old_transactions, {{"seconds", long_enough}}, [&](const sql::Row& row) {
      findings.push_back(found::warning(
          "old_snapshot",
          "connection " + std::to_string(row.integer(0)) + " (" + std::string(row.text(3)) +
              ") has a transaction open since " + std::string(row.text(2)) + " UTC, for " +
              std::to_string(row.integer(1)) +
              " seconds: until it ends, deleted rows are not cleaned up, and claims slow down",
          "end it; if nobody needs it: KILL " + std::to_string(row.integer(0))));
    });
  } catch (const Error& e) {
    constexpr int no_right = 1227;
    if (e.native_code() != no_right) throw;
  }
  return findings;
}

bool is_utf8mb4(std::string_view name) { return name == "utf8mb4"; }

/// On somebody else's connection.
class BorrowedSession final : public NativeSession {
 public:
  BorrowedSession(MYSQL* handle, const Queries& q) : NativeSession(handle, Whose::lent), q_(q) { look(); }
  /// Gives LAST_INSERT_ID() back as it was: the user may ask for the id of a row he inserted before.
  ~BorrowedSession() override {
    try {
      execute(q_.last_id_restore, {{"id", last_id_}}, [](const sql::Row&) {});
    } catch (...) {  // then he has no transaction any more either
    }
  }

 private:
  void look();

  const Queries& q_;
  std::int64_t last_id_ = 0;
};

/// Reads how literals must be written, and refuses what would garble or cut them.
void BorrowedSession::look() {
  Manners manners;
  execute(q_.borrowed, {}, [&](const sql::Row& row) {
    if (!is_utf8mb4(row.text(0)) || !is_utf8mb4(row.text(1)) || !is_utf8mb4(row.text(2))) {
      refuse("the borrowed connection's character set is not utf8mb4: run SET NAMES utf8mb4 on it");
    }
    manners.backslashes = row.integer(3) == 0;
    if (row.integer(4) == 0) refuse("the borrowed connection has sql_select_limit set: results would be cut");
    if (row.integer(5) == 0) refuse("the borrowed connection has unique_checks = 0: duplicates would not be noticed");
    manners.packet = static_cast<std::size_t>(row.integer(6));
    last_id_ = row.integer(7);
  });
  behave(manners);
}

}  // namespace

std::string MysqlServer::description() const {
  const std::lock_guard lock(mutex_);
  return description_;
}

std::string MysqlServer::layout() const { return std::string(sql::file_text(schema_files(), "layout.txt")); }

bool MysqlServer::hides_tables(sql::Session& session) const {
  try {
    session.execute(schema_.queries.may_see_all, {}, [](const sql::Row&) {});
    return false;
  } catch (const Error& e) {
    if (e.code() != Errc::permission && e.code() != Errc::schema) throw;
    return e.code() == Errc::permission;
  }
}

std::vector<Finding> MysqlServer::self_check(sql::Session& session) {
  Settings settings;
  session.execute(schema_.queries.settings, {},
                  [&](const sql::Row& row) { settings.emplace(row.text(0), row.text(1)); });
  std::vector<Finding> findings = findings_on(settings);
  for (auto more : {findings_on_snapshots(session, schema_.queries.old_transactions),
                    findings_on_rows(session, schema_.queries.without_jobs)}) {
    std::ranges::move(more, std::back_inserter(findings));
  }
  return findings;
}

std::unique_ptr<sql::Connection> MysqlServer::connect_to_renew() {
  Options options = options_;
  options.lock_timeout = std::chrono::seconds(1);  // the servers know no shorter one
  return connect(options);
}

bool MysqlServer::locked_out(const Error& error) const noexcept {
  constexpr int lock_wait = 1205;
  return error.native_code() == lock_wait;
}

std::unique_ptr<sql::Connection> MysqlServer::connect(const Options& options) {
  auto connection = Connection::open(options, schema_.queries.server);
  const Greeting& server = connection->greeting();
  std::string text = (server.mariadb ? "MariaDB " : "MySQL ") + server.version + " at " + server.place +
                     ", database " + options_.database;
  if (!options_.prefix.empty()) text += ", prefix " + options_.prefix;
  const std::lock_guard lock(mutex_);
  if (std::exchange(first_, false)) {  // nobody else has the dialect yet
    constexpr std::size_t statement = 1024;  // around a result, of which each character may need an escape
    capabilities_.longest_result = (connection->session().longest_statement() - statement) / 2;
  }
  description_ = std::move(text);
  return connection;
}

std::unique_ptr<sql::Session> MysqlServer::borrow(const Tx& tx) {
  sql::check_handle(tx, "mysql");
  MYSQL* handle = nullptr;
  if (tx.type() == handle_type) handle = static_cast<MYSQL*>(tx.handle());
  if (tx.type() == soci_session_type) handle = handle_of(*static_cast<soci::session*>(tx.handle()));
  if (handle == nullptr) {
    refuse("this transaction (" + std::string(tx.type()) +
           ") is not one of a MySQL connection, but the Database is: borrow a MYSQL* or a soci::session of the mysql "
           "backend");
  }
  auto session = std::make_unique<BorrowedSession>(handle, schema_.queries);  // brings the status of the transaction
  constexpr unsigned in_transaction = SERVER_STATUS_IN_TRANS;
  const bool autocommit = (handle->server_status & SERVER_STATUS_AUTOCOMMIT) != 0;
  if (autocommit && (handle->server_status & in_transaction) == 0) {
    throw Error(Errc::misuse, "the borrowed connection is not inside a transaction: begin one first (START "
                              "TRANSACTION), or enqueue without it", "mysql");
  }
  return session;
}

}  // namespace sqlq::mysql
