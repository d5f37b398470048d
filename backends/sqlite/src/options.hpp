#pragma once
/// \file
/// What the URL of a SQLite database says, decoded.

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <sqlq/backend/url.hpp>
#include <sqlq/clock.hpp>

#include "sql/session.hpp"

namespace sqlq::sqlite {

struct Options {
  std::string path;       ///< file name, or empty for a private in-memory database
  bool full_sync = true;  ///< fsync at each commit
  bool create = true;
  bool watch = true;  ///< look for commits of other processes
  Duration busy_timeout = std::chrono::seconds(10);
  Duration read_timeout = std::chrono::seconds(30);
  std::int64_t readers = 4;
  std::int64_t wal_limit = 16 << 20;  ///< bytes that the WAL is cut to whenever it begins anew
  /// What our connections' sessions are wrapped in, by tests that let statements fail; no URL says it.
  std::function<std::unique_ptr<sql::Session>(std::unique_ptr<sql::Session>, sqlite3*)> around{};

  [[nodiscard]] bool in_memory() const noexcept { return path.empty(); }

  /// Error(invalid_argument) for unknown options and bad values.
  static Options from(const backend::Url& url);
};

}  // namespace sqlq::sqlite
