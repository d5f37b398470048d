#pragma once
/// \file
/// What the URL of a PostgreSQL database says, decoded.

#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/url.hpp>
#include <sqlq/clock.hpp>

#include "sql/pool.hpp"

namespace sqlq::postgres {

struct Options {
  /// libpq's keywords and values, but for host and port.
  std::vector<std::pair<std::string, std::string>> keywords{};
  /// Tried in this order. An empty host leaves it to libpq: the local socket, PGHOST.
  std::vector<std::pair<std::string, std::string>> hosts{};
  std::string schema = "public";
  bool pooled = false;    ///< a pooler in transaction mode is between: keep no state in sessions
  bool watch = true;      ///< LISTEN and NOTIFY
  bool writable = true;   ///< refuse a standby or read-only server
  sql::PoolOptions pool{};
  Duration connect_timeout = std::chrono::seconds(5);  ///< for each host
  Duration statement_timeout = std::chrono::seconds(60);
  Duration lock_timeout = std::chrono::seconds(2);
  Duration idle_timeout = std::chrono::seconds(5);  ///< inside a transaction

  /// How long to wait for the answer to a statement before the connection is given up: the server's own timeout and
  /// time for the answer to travel.
  [[nodiscard]] Duration patience() const { return statement_timeout + std::chrono::seconds(5); }

  /// Error(invalid_argument) for unknown options and bad values.
  static Options from(const backend::Url& url);
};

}  // namespace sqlq::postgres
