#pragma once
/// \file
/// The fixture of the backend's own tests: a migrated scratch database on one of the servers, and the inside of the
/// backend on it.

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sqlq/admin.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/mysql.hpp>

#include "backends/mysql_scratch.hpp"
#include "platform/pause.hpp"
#include "server.hpp"
#include "support/expect_error.hpp"

namespace sqlq::mysql {

/// The server's number of the session's connection.
inline std::string id_of(sql::Session& session) {
  static const sql::Catalogue catalogue("-- name: id\n-- returns: id int\nSELECT CONNECTION_ID()\n");
  return std::to_string(session.integer(catalogue["id"]).value_or(0));
}

class OnServer : public ::testing::TestWithParam<Place> {
 protected:
  OnServer() : url_(make_scratch(GetParam())) {
    backend::register_backend("mysql", factory());
    backend::register_backend("mariadb", factory());
  }
  ~OnServer() override { drop_scratch(GetParam(), url_); }

  [[nodiscard]] bool on_mariadb() const { return GetParam().name == "MariaDb"; }
  [[nodiscard]] const std::string& url() const { return url_; }
  /// The URL of the scratch with options added.
  [[nodiscard]] std::string url_with(const std::string& options) const { return url_ + "&" + options; }
  [[nodiscard]] Options options() const { return Options::from(backend::Url::parse(url_)); }
  /// Another server's user than the one of the URL.
  [[nodiscard]] std::string url_of(const std::string& user) const {
    const auto begin = url_.find("://") + 3;
    return url_.substr(0, begin) + user + url_.substr(url_.find('@'));
  }
  [[nodiscard]] Database open_migrated(const std::string& url) const {
    Database db = backend::open(url);
    Migrator(db).up();
    return db;
  }
  [[nodiscard]] Database open_migrated() const { return open_migrated(url_); }

  /// The server cuts the connection off and has undone what it was doing: who tries again before that passes over what
  /// the connection had locked.
  void cut_off(sql::Connection& connection, const Native& killer) const {
    std::string id;
    try {
      id = id_of(connection.session());
    } catch (const Error&) {
      return;  // it is cut already
    }
    killer.exec("KILL " + id);
    await_none(killer, "information_schema.processlist WHERE id = " + id);
    // MySQL forgets a connection before it has rolled back.
    if (!on_mariadb()) await_none(killer, "performance_schema.data_locks WHERE object_schema = DATABASE()");
  }

  /// Asks again until the answer is yes, at most for 20 seconds. The servers copy information_schema.innodb_trx anew
  /// only when nobody has read it for a tenth of a second, so that a transaction may not be there yet.
  [[nodiscard]] static bool is_seen(const std::function<bool()>& question) {
    for (int i = 0; i < 130; ++i) {
      if (question()) return true;
      platform::pause_for(std::chrono::milliseconds(150));
    }
    return false;
  }

 private:
  static void await_none(const Native& native, const std::string& rows) {
    const std::string count = "SELECT COUNT(*) FROM " + rows;
    for (int i = 0; i < 10'000 && !is_zero(native, count); ++i) platform::pause_for(std::chrono::milliseconds(1));
  }
  /// Not known, so not yet, while another test of the same server holds the lock of a key with a character that its
  /// table of locks cannot show: whoever reads the table is refused then.
  static bool is_zero(const Native& native, const std::string& count) {
    constexpr std::string_view cannot_convert = "3854: ";
    try {
      return native.number(count) == 0;
    } catch (const std::runtime_error& error) {
      if (!std::string_view(error.what()).starts_with(cannot_convert)) throw;
      return false;
    }
  }

  std::string url_;
};

/// Runs an operation of the backend by hand: its transaction stays open until it is told to end.
class ByHand {
 public:
  explicit ByHand(const Options& options)
      : server_(options), connection_(server_.connect()), work_(connection_->session(), now_, connection_.get()) {}
  ~ByHand() { connection_->rollback(); }
  ByHand(const ByHand&) = delete;
  ByHand& operator=(const ByHand&) = delete;

  [[nodiscard]] MysqlServer& server() { return server_; }
  [[nodiscard]] sql::Work& work() { return work_; }
  [[nodiscard]] Connection& connection() { return static_cast<Connection&>(*connection_); }
  [[nodiscard]] std::string id() { return id_of(connection_->session()); }
  [[nodiscard]] backend::ClaimResult claim(std::size_t limit, LeaseToken token = LeaseToken{77}) {
    const backend::ClaimRequest request{.limit = limit, .token = token, .worker = "by hand"};
    return server_.claim(work_, {.request = request});
  }

 private:
  const backend::Now now_{};
  MysqlServer server_;
  std::unique_ptr<sql::Connection> connection_;
  sql::Work work_;
};

}  // namespace sqlq::mysql
