// The limit on SQLite: what its C API with prepared statements reaches from one thread, on the leanest table of jobs
// that still keeps a history, with a commit behind every write and every finish guarded by state and attempt. No
// library is involved.
//
//   limit_sqlite FILE JOBS full|normal      JOBS: of each operation, a multiple of 1000; full, normal: PRAGMA
//   synchronous
//
// Prints a line of JSON for each operation. FILE must not exist yet; it is removed at the end.

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "limit.hpp"

namespace {

struct Free {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Free>;

constexpr const char* create =
    "CREATE TABLE limit_jobs (id integer PRIMARY KEY, queue text NOT NULL, type text NOT NULL,"
    "  state integer NOT NULL DEFAULT 0, priority integer NOT NULL DEFAULT 10, params text,"
    "  attempt integer NOT NULL DEFAULT 0, max_attempts integer NOT NULL DEFAULT 1, run_at integer NOT NULL,"
    "  created_at integer NOT NULL, started_at integer, completed_at integer,"
    "  keepalive integer NOT NULL DEFAULT 30000000, last_keepalive integer);"
    "CREATE INDEX limit_ready ON limit_jobs (queue, priority, run_at, id) WHERE state = 0;"
    "CREATE INDEX limit_running ON limit_jobs (last_keepalive) WHERE state = 1";
constexpr const char* insert =
    "INSERT INTO limit_jobs (queue, type, params, run_at, created_at) VALUES ('bench', 'noop', ?1, ?2, ?2) "
    "RETURNING id";
constexpr const char* claim =
    "UPDATE limit_jobs SET state = 1, attempt = attempt + 1, started_at = ?1, last_keepalive = ?1 WHERE id IN ("
    "  SELECT id FROM limit_jobs WHERE state = 0 AND queue = 'bench' AND run_at <= ?1"
    "  ORDER BY priority, run_at, id LIMIT ?2) RETURNING id, type, params, attempt";
constexpr const char* finish =
    "UPDATE limit_jobs SET state = 2, completed_at = ?2 WHERE id = ?1 AND state = 1 AND attempt = 1";

// Moments as the table has them: any will do, if jobs are due before they are claimed.
constexpr sqlite3_int64 enqueued_at = 1'000'000;
constexpr sqlite3_int64 claimed_at = 900'000'000;
constexpr sqlite3_int64 finished_at = 900'000'001;

class Limit {
 public:
  Limit(const char* file, long jobs, std::string_view synchronous) : jobs_(jobs) {
    sqlite3* raw = nullptr;
    const bool opened = sqlite3_open(file, &raw) == SQLITE_OK;
    db_.reset(raw);
    if (!opened) give_up();
    run("PRAGMA journal_mode = WAL");
    run(("PRAGMA synchronous = " + std::string(synchronous)).c_str());
    run(create);
    insert_ = prepare(insert);
    claim_ = prepare(claim);
    finish_ = prepare(finish);
  }

  void run() {
    enqueue_single();
    enqueue_batch();
    drain("drain-1", 1);
    drain("drain-batch-100", 100);
  }

 private:
  [[noreturn]] void give_up() { limit::fail(sqlite3_errmsg(db_.get())); }

  void run(const char* sql) {
    if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) give_up();
  }

  Statement prepare(const char* sql) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK) give_up();
    return Statement(raw);
  }

  /// Runs it to its end; `row` is called for each row.
  template <class Row>
  void step(const Statement& statement, Row row) {
    int code = 0;
    while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) row();
    if (code != SQLITE_DONE) give_up();
    sqlite3_reset(statement.get());
  }

  void insert_one(long i) {
    sqlite3_bind_text(insert_.get(), 1, "{\"i\":1}", -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert_.get(), 2, enqueued_at + i);
    step(insert_, [] {});
  }

  void enqueue_single() {
    const limit::Operation operation("sqlite", "enqueue-single");
    for (long i = 0; i < jobs_; ++i) insert_one(i);
    operation.report(jobs_);
  }

  void enqueue_batch() {
    const limit::Operation operation("sqlite", "enqueue-batch-1000");
    for (long i = 0; i < jobs_;) {
      run("BEGIN IMMEDIATE");
      for (const long end = i + 1000; i < end; ++i) insert_one(i);
      run("COMMIT");
    }
    operation.report(jobs_);
  }

  void drain(const char* op, int batch) {
    std::vector<sqlite3_int64> ids;
    long done = 0;
    const limit::Operation operation("sqlite", op);
    while (done < jobs_) {
      ids.clear();
      sqlite3_bind_int64(claim_.get(), 1, claimed_at);
      sqlite3_bind_int(claim_.get(), 2, batch);
      step(claim_, [&] { ids.push_back(sqlite3_column_int64(claim_.get(), 0)); });
      if (ids.empty()) limit::fail("jobs are missing");
      if (batch > 1) run("BEGIN IMMEDIATE");
      for (const sqlite3_int64 id : ids) {
        sqlite3_bind_int64(finish_.get(), 1, id);
        sqlite3_bind_int64(finish_.get(), 2, finished_at);
        step(finish_, [] {});
      }
      if (batch > 1) run("COMMIT");
      done += static_cast<long>(ids.size());
    }
    operation.report(done);
  }

  long jobs_;
  std::unique_ptr<sqlite3, Free> db_;
  Statement insert_;
  Statement claim_;
  Statement finish_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view synchronous = argc == 4 ? argv[3] : "";
  if (synchronous != "full" && synchronous != "normal") limit::fail("usage: limit_sqlite FILE JOBS full|normal", 2);
  const std::string file = argv[1];
  const long jobs = limit::jobs_from(argv[2]);
  if (std::filesystem::exists(file)) limit::fail(file + " exists already; name a file that may be made and removed", 2);
  Limit(file.c_str(), jobs, synchronous).run();
  for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(file + part);
}
