#pragma once
/// \file
/// The auditor's own way into a SQLite file: nothing of the library, one connection that changes nothing.

#include <sqlite3.h>

#include <stdexcept>
#include <string>

namespace sqlq::process {

/// The first value of the query, as text. The connection copies nothing from the WAL: SQLite's own checkpoints are what
/// loses pages in versions with the WAL-reset bug.
inline std::string ask_file(const std::string& path, const std::string& query) {
  sqlite3* handle = nullptr;
  if (sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
    throw std::runtime_error("cannot open " + path);
  }
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_autocheckpoint(handle, 0);
  sqlite3_busy_timeout(handle, 20000);
  std::string value;
  const auto keep = [](void* into, int n, char** columns, char**) {
    auto& text = *static_cast<std::string*>(into);
    if (text.empty() && n > 0 && columns[0] != nullptr) text = columns[0];
    return 0;
  };
  const int rc = sqlite3_exec(handle, query.c_str(), keep, &value, nullptr);
  const std::string why = sqlite3_errmsg(handle);
  sqlite3_close(handle);
  if (rc != SQLITE_OK) throw std::runtime_error(query + ": " + why);
  return value;
}

/// "ok", or what is wrong.
inline std::string integrity(const std::string& path) { return ask_file(path, "PRAGMA integrity_check"); }

}  // namespace sqlq::process
