#pragma once
/// \file
/// The auditor's own way into a SQLite file: nothing of the library, one connection that changes nothing.

#include <sqlite3.h>

#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

#include "faults/rows.hpp"

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

  /// Runs a query and hands over its rows; NULL is an empty text.
  void each(const std::string& query, const std::function<void(const faults::Texts&)>& row) {
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
  /// The first value, as text.
  std::string ask(const std::string& query) {
    std::string value;
    each(query, [&](const faults::Texts& row) {
      if (value.empty() && !row.empty()) value = row.front();
    });
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

/// Every job with its history and the lines its handlers wrote.
inline std::vector<faults::Row> rows_of_file(const std::string& path) {
  AuditConnection connection(path, 20000);
  return faults::read_rows([&](const std::string& query, const auto& row) { connection.each(query, row); },
                           {.jobs = "SELECT j.id, j.state, q.name, j.priority, j.attempt, j.max_attempts, j.crashes, "
                                    "j.max_crashes, j.claims, j.lease_token, j.unique_key, j.result "
                                    "FROM sqlq_jobs j JOIN sqlq_queues q ON q.id = j.queue_id",
                            .history = "SELECT j.id, h.claim, h.attempt, h.cause, h.worker FROM sqlq_jobs j "
                                       "JOIN sqlq_history h ON h.job_seq = j.seq ORDER BY h.job_seq, h.n",
                            .logs = "SELECT j.id, g.claim, g.text FROM sqlq_jobs j "
                                    "JOIN sqlq_logs g ON g.job_seq = j.seq WHERE g.level <> 3"});
}

/// "ok", or what is wrong.
inline std::string integrity(const std::string& path) { return ask_file(path, "PRAGMA integrity_check"); }

}  // namespace sqlq::process
