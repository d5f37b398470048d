// What the columns, indexes and statements of a job cost on SQLite, without the library (decision 0021).
//
//   g++ -O2 -std=c++20 bench/studies/sqlite_jobs.cpp -lsqlite3 -o sqlite_jobs
//   ./sqlite_jobs FILE schema/sqlite/001_init.up.sql JOBS
//
// The library's own tables and statements, one thread, synchronous=normal: JOBS (thousands) are enqueued 1000 in a
// transaction, then 300 are claimed in one and finished in the next; after that a fifth of JOBS is enqueued one by one.
// Each line leaves out what its name says. FILE is made anew for each.

#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t wall = 1'790'000'000'000'000;
constexpr int batch = 300;

[[noreturn]] void fail(sqlite3* db, const char* what) {
  std::fprintf(stderr, "error: %s: %s\n", what, sqlite3_errmsg(db));
  std::exit(1);
}

class Statement {
 public:
  Statement(sqlite3* db, const char* sql) : db_(db) {
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s_, nullptr) != SQLITE_OK) fail(db, sql);
  }
  ~Statement() { sqlite3_finalize(s_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& bind(int n, std::int64_t value) {
    sqlite3_bind_int64(s_, n, value);
    return *this;
  }
  Statement& bind(int n, const char* text) {
    sqlite3_bind_text(s_, n, text, -1, SQLITE_TRANSIENT);
    return *this;
  }
  /// Reads all columns of all rows, as a program would; the last column of each is returned.
  std::vector<std::int64_t> run() {
    std::vector<std::int64_t> last;
    int code = 0;
    while ((code = sqlite3_step(s_)) == SQLITE_ROW) {
      const int n = sqlite3_column_count(s_);
      for (int i = 0; i < n; ++i) (void)sqlite3_column_text(s_, i);
      last.push_back(sqlite3_column_int64(s_, n - 1));
    }
    if (code != SQLITE_DONE) fail(db_, "step");
    sqlite3_reset(s_);
    return last;
  }

 private:
  sqlite3* db_;
  sqlite3_stmt* s_ = nullptr;
};

void run(sqlite3* db, const std::string& sql) {
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(db, sql.c_str());
}

struct Variant {
  const char* name;
  std::vector<const char*> without{};  ///< indexes
  bool unchecked = false;              ///< no CHECK, not STRICT
  bool by_row = false;                 ///< finished by row number, not by id
  bool unread = false;                 ///< the claimed job is not read
};

double per_second(int n, std::chrono::steady_clock::time_point since) {
  return n / std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

std::string without_checks(const std::string& schema) {
  static const std::regex check(" CHECK \\([^()]*(\\([^()]*\\)[^()]*)*\\)");
  static const std::regex strict("\\) STRICT;");
  return std::regex_replace(std::regex_replace(schema, check, ""), strict, ");");
}

void measure(const std::string& file, const std::string& schema, int jobs, const Variant& variant) {
  for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(file + end);
  sqlite3* db = nullptr;
  if (sqlite3_open(file.c_str(), &db) != SQLITE_OK) fail(db, "open");
  run(db, "PRAGMA journal_mode = WAL");
  run(db, "PRAGMA synchronous = NORMAL");
  run(db, variant.unchecked ? without_checks(schema) : schema);
  for (const char* index : variant.without) run(db, std::string("DROP INDEX ") + index);
  {
    Statement begin(db, "BEGIN IMMEDIATE");
    Statement commit(db, "COMMIT");
    Statement insert(db,
                     "INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes,"
                     " keepalive_us, timeout_us, created_us, queued_us, params)"
                     " VALUES (?1, 1, 1, 1, 10, ?2, 25, 3, 30000000, 0, ?2, ?2, '{\"n\":12345}')");
    Statement peek(db,
                   "SELECT priority, due_us, seq FROM sqlq_jobs WHERE state = 1 AND lane_id = 1"
                   " ORDER BY priority, due_us, seq LIMIT ?1");
    Statement claim(db,
                    "UPDATE sqlq_jobs SET state = 2, attempt = attempt + 1, claims = claims + 1, lease_token = ?1,"
                    " worker = 'host:12345:1a2b3c4d', started_us = ?2, heartbeat_us = ?2,"
                    " lease_until_us = 5000000000 + keepalive_us WHERE seq = ?3 AND state = 1");
    Statement claimed(db, "SELECT * FROM sqlq_jobs WHERE seq = ?1");
    Statement finish(db, variant.by_row
                             ? "UPDATE sqlq_jobs SET state = 3, result = '', finished_us = ?1, expires_us = ?1 + 86400"
                               " WHERE seq = ?2 AND state = 2 AND lease_token = ?3"
                             : "UPDATE sqlq_jobs SET state = 3, result = '', finished_us = ?1, expires_us = ?1 + 86400"
                               " WHERE id = ?2 AND state = 2 AND lease_token = ?3");
    std::vector<std::string> ids;
    const auto enqueue = [&](int i) {
      char id[40];
      const auto more = static_cast<unsigned>(i) * 7919;
      std::snprintf(id, sizeof id, "0199f0e4-%04x-7%03x-8abc-%012x", i >> 12, i & 0xfff, more);
      ids.emplace_back(id);
      insert.bind(1, id).bind(2, wall + i).run();
    };
    auto since = std::chrono::steady_clock::now();
    for (int i = 0; i < jobs; ++i) {
      if (i % 1000 == 0) begin.run();
      enqueue(i);
      if (i % 1000 == 999) commit.run();
    }
    const double enqueued = per_second(jobs, since);
    since = std::chrono::steady_clock::now();
    for (;;) {
      begin.run();
      const std::vector<std::int64_t> rows = peek.bind(1, batch).run();
      for (const std::int64_t row : rows) {
        claim.bind(1, row * 1'000'003 + wall).bind(2, wall + row).bind(3, row).run();
        if (!variant.unread) claimed.bind(1, row).run();
      }
      commit.run();
      if (rows.empty()) break;
      begin.run();
      for (const std::int64_t row : rows) {
        finish.bind(1, wall + row).bind(3, row * 1'000'003 + wall);
        if (variant.by_row) {
          finish.bind(2, row).run();
        } else {
          finish.bind(2, ids[static_cast<std::size_t>(row) - 1].c_str()).run();
        }
        if (sqlite3_changes(db) != 1) fail(db, "a job was not finished");
      }
      commit.run();
    }
    const double drained = per_second(jobs, since);
    since = std::chrono::steady_clock::now();
    const int few = jobs / 5;
    for (int i = jobs; i < jobs + few; ++i) {
      begin.run();
      enqueue(i);
      commit.run();
    }
    std::printf("%-44s enqueue by 1000 %7.0f/s  drain %7.0f/s  enqueue by 1 %7.0f/s\n", variant.name, enqueued, drained,
                per_second(few, since));
  }
  sqlite3_close(db);
}

}  // namespace

int main(int argc, char** argv) {
  const int jobs = argc == 4 ? std::atoi(argv[3]) : 0;
  if (jobs < 1000 || jobs % 1000 != 0) {
    std::fprintf(stderr, "usage: sqlite_jobs FILE SCHEMA JOBS, JOBS a multiple of 1000\n");
    return 2;
  }
  std::ifstream in(argv[2]);
  std::stringstream schema;
  schema << in.rdbuf();
  const std::vector<Variant> variants = {
      {.name = "as it is"},
      {.name = "no CHECK, not STRICT", .unchecked = true},
      {.name = "finished by row number", .by_row = true},
      {.name = "no index of ids, finished by row number", .without = {"sqlq_jobs_id"}, .by_row = true},
      {.name = "claimed jobs not read", .unread = true},
      {.name = "no index of held jobs", .without = {"sqlq_jobs_held"}},
      {.name = "no index of finished jobs", .without = {"sqlq_jobs_finished"}},
      {.name = "only the indexes of ready jobs and of ids",
       .without = {"sqlq_jobs_held", "sqlq_jobs_finished", "sqlq_jobs_scheduled", "sqlq_jobs_unique"}},
      {.name = "all of it",
       .without = {"sqlq_jobs_held", "sqlq_jobs_finished", "sqlq_jobs_scheduled", "sqlq_jobs_unique", "sqlq_jobs_id"},
       .unchecked = true,
       .by_row = true,
       .unread = true}};
  for (const Variant& variant : variants) measure(argv[1], schema.str(), jobs, variant);
}
