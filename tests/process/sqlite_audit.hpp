#pragma once
/// \file
/// The auditor's own way into a SQLite file: nothing of the library, one connection that changes nothing.

#include <sqlite3.h>

#include <stdexcept>
#include <string>

namespace sqlq::process {

/// A connection that copies nothing from the WAL: SQLite's own checkpoints are what loses pages in versions with the
/// WAL-reset bug.
class AuditConnection {
 public:
  AuditConnection(const std::string& path, int patience_ms) {
    if (sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
      sqlite3_close(handle_);
      throw std::runtime_error("cannot open " + path);
    }
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_wal_autocheckpoint(handle_, 0);
    sqlite3_busy_timeout(handle_, patience_ms);
  }
  ~AuditConnection() { sqlite3_close(handle_); }
  AuditConnection(const AuditConnection&) = delete;
  AuditConnection& operator=(const AuditConnection&) = delete;

  /// The first value, as text.
  std::string ask(const std::string& query) {
    std::string value;
    const auto keep = [](void* into, int n, char** columns, char**) {
      auto& text = *static_cast<std::string*>(into);
      if (text.empty() && n > 0 && columns[0] != nullptr) text = columns[0];
      return 0;
    };
    if (sqlite3_exec(handle_, query.c_str(), keep, &value, nullptr) != SQLITE_OK) {
      throw std::runtime_error(query + ": " + sqlite3_errmsg(handle_));
    }
    return value;
  }
  /// Does nobody else hold the write lock for long?
  bool can_write() {
    const int rc = sqlite3_exec(handle_, "BEGIN IMMEDIATE; ROLLBACK", nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) throw std::runtime_error(sqlite3_errmsg(handle_));
    return rc == SQLITE_OK;
  }

 private:
  sqlite3* handle_ = nullptr;
};

inline std::string ask_file(const std::string& path, const std::string& query) {
  return AuditConnection(path, 20000).ask(query);
}

/// "ok", or what is wrong.
inline std::string integrity(const std::string& path) { return ask_file(path, "PRAGMA integrity_check"); }

}  // namespace sqlq::process
