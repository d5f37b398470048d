// The conformance suite on SQLite: a file, and memory.

#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/sqlite.hpp>

#include "backends/soci/user.hpp"
#include "model/sequences.hpp"

namespace {

namespace conformance = sqlq::conformance;

// Settings that belong to a connection or could be changed through it.
constexpr std::array pragmas{"journal_mode",        "synchronous", "busy_timeout",       "foreign_keys",
                             "locking_mode",        "temp_store",  "wal_autocheckpoint", "cache_size",
                             "recursive_triggers",  "query_only",  "user_version",       "application_id",
                             "case_sensitive_like", "mmap_size",   "secure_delete",      "journal_size_limit"};

std::string read_settings(sqlite3* handle) {
  std::string all;
  for (const char* pragma : pragmas) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle, (std::string("PRAGMA ") + pragma).c_str(), -1, &statement, nullptr) !=
        SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(handle));
    }
    all += pragma;
    if (sqlite3_step(statement) == SQLITE_ROW) {
      const unsigned char* text = sqlite3_column_text(statement, 0);
      if (text != nullptr) all += "=" + std::string(reinterpret_cast<const char*>(text));
    }
    all += "\n";
    sqlite3_finalize(statement);
  }
  return all;
}

/// sqlite:///path?options as a file name.
std::string file_of(const std::string& url) {
  const std::string scheme = "sqlite://";
  return url.substr(scheme.size(), url.find('?') - scheme.size());
}

class NativeUser final : public conformance::UserConnection {
 public:
  explicit NativeUser(const std::string& url) {
    if (sqlite3_open(file_of(url).c_str(), &handle_) != SQLITE_OK) throw std::runtime_error("sqlite3_open");
    sqlite3_busy_timeout(handle_, 5000);
  }
  ~NativeUser() override { sqlite3_close(handle_); }
  NativeUser(const NativeUser&) = delete;
  NativeUser& operator=(const NativeUser&) = delete;

  void execute(const std::string& sql) override {
    if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(handle_));
    }
  }
  std::int64_t query_int(const std::string& sql) override {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
      throw std::runtime_error(sqlite3_errmsg(handle_));
    }
    const std::int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
  }
  bool in_transaction() override { return sqlite3_get_autocommit(handle_) == 0; }
  std::string settings() override { return read_settings(handle_); }
  sqlq::Tx tx() override { return sqlq::sqlite::borrow(handle_); }

 private:
  sqlite3* handle_ = nullptr;
};

constexpr conformance::NativeQuestions questions{
    .in_transaction = [](void* handle) { return sqlite3_get_autocommit(static_cast<sqlite3*>(handle)) == 0; },
    .settings = [](void* handle) { return read_settings(static_cast<sqlite3*>(handle)); }};

/// Memory where there is a file system for it: the suite tests meaning, not disks.
std::filesystem::path scratch_folder() {
  const std::filesystem::path memory = "/dev/shm";
  const bool usable = ::access(memory.string().c_str(), W_OK) == 0;
  return usable ? memory : std::filesystem::temp_directory_path();
}

std::string create_file(const std::string& test) {
  static std::atomic<int> number{0};
  const std::string name = "sqlq_" + std::to_string(::getpid()) + "_" + std::to_string(++number) + "_" + test + ".db";
  return "sqlite://" + (scratch_folder() / name).string() + "?synchronous=normal";
}

void drop_file(const std::string& url) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(file_of(url) + suffix);
}

template <class User>
conformance::Handle handle(const char* name) {
  return {name, [](const std::string& url) { return std::make_unique<User>(url); }};
}

conformance::Backend sqlite_file() {
  sqlq::backend::register_backend("sqlite", sqlq::sqlite::factory());
  return {.create = create_file,
          .drop = drop_file,
          .handles = conformance::and_soci(handle<NativeUser>("sqlite3*"), questions),
          .newer_schema_sql = {"INSERT INTO sqlq_migrations (version, name, checksum, applied_us)"
                               " SELECT max(version) + 1, 'from_the_future', '0123456789abcdef', max(applied_us)"
                               "   FROM sqlq_migrations"},
          .changed_checksum_sql = {"UPDATE sqlq_migrations SET checksum = 'fedcba9876543210' WHERE version = 1"},
          .compatible_schema_sql = {"INSERT INTO sqlq_migrations (version, name, checksum, applied_us, compatible_from)"
                                    " SELECT max(version) + 1, 'from_the_future', '0123456789abcdef', max(applied_us),"
                                    "        max(version) FROM sqlq_migrations"},
          .waiting_jobs_sql = {"UPDATE sqlq_jobs SET state = 8 WHERE state = 1"},
          .emptied_jobs_sql = {"DELETE FROM sqlq_jobs"},
          .emptied_sql = {"DELETE FROM sqlq_jobs", "DELETE FROM sqlq_history", "DELETE FROM sqlq_logs",
                          "DELETE FROM sqlq_progress", "DELETE FROM sqlq_agenda", "DELETE FROM sqlq_registry",
                          "DELETE FROM sqlq_periodic", "DELETE FROM sqlq_steps", "DELETE FROM sqlq_inbox",
                          "DELETE FROM sqlq_gates", "DELETE FROM sqlq_gated",
                          "DELETE FROM sqlq_lanes", "DELETE FROM sqlq_queues"},
          .forgotten_sql = {"DELETE FROM sqlq_facts", "DELETE FROM sqlq_migrations"},
          .breakages = {{"a trigger whose error quotes params",
                         {"CREATE TRIGGER tell BEFORE INSERT ON sqlq_jobs BEGIN"
                          " SELECT json_extract('{}', NEW.params); END",
                          "CREATE TRIGGER refuse_logs BEFORE INSERT ON sqlq_logs BEGIN"
                          " SELECT json_extract('{}', NEW.text); END",
                          "CREATE TRIGGER refuse_results BEFORE UPDATE ON sqlq_jobs BEGIN"
                          " SELECT json_extract('{}', NEW.result || NEW.params); END"}},
                        {"params are unique", {"CREATE UNIQUE INDEX once ON sqlq_jobs (params) WHERE claims = 0"}},
                        {"a column is gone", {"ALTER TABLE sqlq_jobs RENAME COLUMN params TO parameters"}},
                        {"tables are gone", {"DROP TABLE sqlq_jobs", "DROP TABLE sqlq_logs"}}},
          .refusals = {{"a trigger",
                        {"CREATE TRIGGER refuse BEFORE UPDATE ON sqlq_jobs WHEN NEW.result LIKE '%forbidden%' BEGIN"
                         " SELECT RAISE(ABORT, 'not here'); END",
                         "CREATE TRIGGER refuse_new BEFORE INSERT ON sqlq_jobs WHEN NEW.result LIKE '%forbidden%' BEGIN"
                         " SELECT RAISE(ABORT, 'not here'); END",
                         "CREATE TRIGGER refuse_start BEFORE UPDATE ON sqlq_jobs WHEN NEW.state IN (1, 2) AND"
                         " NEW.params LIKE '%forbidden%' BEGIN SELECT RAISE(ABORT, 'never'); END",
                         "CREATE TRIGGER refuse_lines BEFORE INSERT ON sqlq_logs WHEN NEW.text LIKE '%forbidden%' BEGIN"
                         " SELECT RAISE(ABORT, 'not here'); END"}},
                       {"a check that was added",
                        {"ALTER TABLE sqlq_jobs ADD COLUMN mine INTEGER CHECK (result NOT LIKE '%forbidden%')"}},
                       {"an index",
                        {"UPDATE sqlq_jobs SET result = '\"forbidden\"' WHERE state = 3",
                         "CREATE UNIQUE INDEX once ON sqlq_jobs (instr(result, 'forbidden'))"
                         " WHERE instr(result, 'forbidden') > 0"}}}};
}

conformance::Backend sqlite_memory() {
  sqlq::backend::register_backend("sqlite", sqlq::sqlite::factory());
  return {.create = [](const std::string&) { return std::string("sqlite::memory:"); },
          .drop = [](const std::string&) {}};
}

}  // namespace

SQLQ_CONFORMANCE(SqliteFile, sqlite_file);
SQLQ_CONFORMANCE(SqliteMemory, sqlite_memory);
SQLQ_SEQUENCES(SqliteFile, sqlite_file);
SQLQ_SEQUENCES(SqliteMemory, sqlite_memory);
