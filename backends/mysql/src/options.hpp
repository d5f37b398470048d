#pragma once
/// \file
/// What the URL of a MySQL or MariaDB database says, decoded.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/url.hpp>
#include <sqlq/clock.hpp>

#include "sql/pool.hpp"

namespace sqlq::mysql {

struct Options {
  enum class Tls { off, prefer, require, verify };

  std::string user{};
  std::string password{};
  std::vector<std::pair<std::string, int>> hosts{};  ///< tried in this order; never empty
  std::string socket{};                              ///< a Unix socket instead of the hosts
  std::string database{};
  std::string prefix{};  ///< of the tables' names

  Tls tls = Tls::prefer;
  std::string ca{};
  std::string cert{};
  std::string key{};

  Duration connect_timeout = std::chrono::seconds(5);
  Duration read_timeout = std::chrono::seconds(60);       ///< for the server's answer
  Duration statement_timeout = std::chrono::seconds(30);  ///< the server ends what takes longer
  Duration lock_timeout = std::chrono::seconds(5);        ///< for a lock somebody else holds
  /// For the next statement of a transaction, on MySQL for any next statement. Empty: idle_on_mariadb, idle_on_mysql.
  std::optional<Duration> idle_transaction_timeout{};
  static constexpr Duration idle_on_mariadb = std::chrono::seconds(5);
  static constexpr Duration idle_on_mysql = std::chrono::seconds(20);
  static constexpr Duration idle_connections = std::chrono::seconds(60);  ///< MariaDB closes them after that
  sql::PoolOptions pool{};

  /// Error(invalid_argument) for unknown options and bad values.
  static Options from(const backend::Url& url);
};

}  // namespace sqlq::mysql
