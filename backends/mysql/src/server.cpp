#include "server.hpp"

#include <utility>

#include <sqlq/mysql.hpp>

#include "errors.hpp"
#include "soci_bridge.hpp"
#include "sql/borrowed.hpp"
#include "sql/migrations.hpp"

namespace sqlq::mysql {
namespace {

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
