#pragma once
/// \file
/// The auditor's own way into a SQLite file: nothing of the library, one connection that changes nothing.

#include <sqlite3.h>

#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

#include <sqlq/sqlite.hpp>

#include "audit.hpp"

namespace sqlq::process {

/// A connection that copies nothing from the WAL: SQLite's own checkpoints are what loses pages in versions with the
/// WAL-reset bug.
class AuditConnection final : public Audit {
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
  ~AuditConnection() override { sqlite3_close(handle_); }
  AuditConnection(const AuditConnection&) = delete;
  AuditConnection& operator=(const AuditConnection&) = delete;

  void each(const std::string& query, const std::function<void(const faults::Texts&)>& row) override {
    struct Call {
      const std::function<void(const faults::Texts&)>& row;
      std::exception_ptr error{};
    } call{row};
    const auto take = [](void* into, int n, char** columns, char**) {
      auto& of = *static_cast<Call*>(into);
      try {
        faults::Texts texts;
        for (int i = 0; i < n; ++i) texts.emplace_back(columns[i] == nullptr ? "" : columns[i]);
        of.row(texts);
      } catch (...) {  // not through a function of C
        of.error = std::current_exception();
      }
      return of.error ? 1 : 0;
    };
    const int rc = sqlite3_exec(handle_, query.c_str(), take, &call, nullptr);
    if (call.error) std::rethrow_exception(call.error);
    if (rc != SQLITE_OK) throw std::runtime_error(query + ": " + sqlite3_errmsg(handle_));
  }
  [[nodiscard]] Tx tx() override { return sqlite::borrow(handle_); }
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

inline std::vector<faults::Row> rows_of_file(const std::string& path) {
  AuditConnection connection(path, 20000);
  return rows_of(connection);
}

/// "ok", or what is wrong.
inline std::string integrity(const std::string& path) { return ask_file(path, "PRAGMA integrity_check"); }

}  // namespace sqlq::process
