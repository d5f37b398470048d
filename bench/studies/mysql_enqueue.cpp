// What the parts of an enqueue of 1000 cost on MySQL and MariaDB, without the library (decision 0021).
//
//   g++ -O2 -std=c++20 bench/studies/mysql_enqueue.cpp $(pkg-config --cflags --libs libmariadb) -o mysql_enqueue
//   ./mysql_enqueue HOST PORT USER PASSWORD DATABASE JOBS
//
// Tables as the library's, one thread, a commit for each thousand. Each line leaves out what its name says. Makes the
// tables study_jobs and study_ready and drops them at its end.

#include <mysql.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct Variant {
  const char* name;
  bool id_index = true;    ///< unique, 16 bytes
  bool ready = true;       ///< the narrow rows of ready jobs
  bool check = true;       ///< CHECK (state BETWEEN 1 AND 7)
  bool all_values = true;  ///< or only those that are not the column's default
};

void run(MYSQL* connection, const std::string& sql) {
  if (mysql_real_query(connection, sql.data(), sql.size()) != 0) {
    std::fprintf(stderr, "error: %s: %s\n", sql.substr(0, 60).c_str(), mysql_error(connection));
    std::exit(1);
  }
  mysql_free_result(mysql_store_result(connection));
}

void drop(MYSQL* connection) { run(connection, "DROP TABLE IF EXISTS study_jobs, study_ready"); }

void make(MYSQL* connection, const Variant& v) {
  drop(connection);
  run(connection,
      std::string("CREATE TABLE study_jobs (seq BIGINT NOT NULL AUTO_INCREMENT, id BINARY(16) NOT NULL,"
                  " lane_id INT NOT NULL DEFAULT 1, queue_id INT NOT NULL DEFAULT 1,"
                  " state TINYINT NOT NULL DEFAULT 1") +
          (v.check ? " CHECK (state BETWEEN 1 AND 7)" : "") +
          ", priority INT NOT NULL DEFAULT 10, due_us BIGINT NOT NULL, attempt INT NOT NULL DEFAULT 0,"
          " max_attempts INT NOT NULL DEFAULT 25, crashes INT NOT NULL DEFAULT 0, max_crashes INT NOT NULL DEFAULT 3,"
          " claims BIGINT NOT NULL DEFAULT 0, lease_token BIGINT NOT NULL DEFAULT 0,"
          " lease_until_us BIGINT NOT NULL DEFAULT 0, keepalive_us BIGINT NOT NULL DEFAULT 30000000,"
          " timeout_us BIGINT NOT NULL DEFAULT 0, retention_us BIGINT, created_us BIGINT NOT NULL,"
          " queued_us BIGINT NOT NULL, started_us BIGINT NOT NULL DEFAULT 0, heartbeat_us BIGINT NOT NULL DEFAULT 0,"
          " finished_us BIGINT NOT NULL DEFAULT 0, expires_us BIGINT NOT NULL DEFAULT 0,"
          " worker_id INT NOT NULL DEFAULT 0, unique_key VARBINARY(255), params LONGBLOB NOT NULL, result LONGBLOB,"
          " PRIMARY KEY (seq)" +
          (v.id_index ? ", UNIQUE KEY study_id (id)" : "") + ") ENGINE = InnoDB");
  run(connection,
      "CREATE TABLE study_ready (lane_id INT NOT NULL, priority INT NOT NULL, due_us BIGINT NOT NULL,"
      " seq BIGINT NOT NULL, PRIMARY KEY (lane_id, priority, due_us, seq)) ENGINE = InnoDB");
}

std::string thousand(int first, const Variant& v) {
  std::string sql = v.all_values
                        ? "INSERT INTO study_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts,"
                          " max_crashes, keepalive_us, timeout_us, retention_us, created_us, queued_us, unique_key,"
                          " params) VALUES "
                        : "INSERT INTO study_jobs (id, due_us, created_us, queued_us, params) VALUES ";
  const char* const row = v.all_values
                              ? "(x'0199f0e4%08x7abc8abc%08x',1,1,1,10,1790000000000000,25,3,30000000,0,NULL,"
                                "1790000000000000,1790000000000000,NULL,'{\"n\":12345}')"
                              : "(x'0199f0e4%08x7abc8abc%08x',1790000000000000,1790000000000000,1790000000000000,"
                                "'{\"n\":12345}')";
  for (int i = 0; i < 1000; ++i) {
    char text[256];
    const int n = std::snprintf(text, sizeof text, row, first + i, static_cast<unsigned>(i) * 7919);
    if (i > 0) sql += ',';
    sql.append(text, static_cast<std::size_t>(n));
  }
  return sql;
}

void measure(MYSQL* connection, int jobs, const Variant& v) {
  make(connection, v);
  const auto since = std::chrono::steady_clock::now();
  for (int i = 0; i < jobs; i += 1000) {
    run(connection, "START TRANSACTION");
    run(connection, thousand(i, v));
    if (v.ready) {
      run(connection,
          "INSERT INTO study_ready SELECT j.lane_id, j.priority, j.due_us, j.seq"
          " FROM study_jobs j FORCE INDEX (PRIMARY)"
          " WHERE j.seq BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + 999 * @@auto_increment_increment"
          " AND j.state = 1");
    }
    run(connection, "COMMIT");
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - since;
  std::printf("%-44s %7.0f/s\n", v.name, jobs / took.count());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int jobs = argc == 7 ? std::atoi(argv[6]) : 0;
  if (jobs < 1000 || jobs % 1000 != 0) {
    std::fprintf(stderr, "usage: mysql_enqueue HOST PORT USER PASSWORD DATABASE JOBS, JOBS a multiple of 1000\n");
    return 2;
  }
  MYSQL* const connection = mysql_init(nullptr);
  if (mysql_real_connect(connection, argv[1], argv[3], argv[4], argv[5], static_cast<unsigned>(std::atoi(argv[2])),
                         nullptr, 0) == nullptr) {
    std::fprintf(stderr, "error: %s\n", mysql_error(connection));
    return 1;
  }
  run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  const std::vector<Variant> variants = {
      {.name = "as it is"},
      {.name = "no index of ids", .id_index = false},
      {.name = "no rows of ready jobs", .ready = false},
      {.name = "no CHECK", .check = false},
      {.name = "values that are defaults not sent", .all_values = false},
      {.name = "all of it", .id_index = false, .ready = false, .check = false, .all_values = false}};
  for (const Variant& v : variants) measure(connection, jobs, v);
  drop(connection);
  mysql_close(connection);
}
