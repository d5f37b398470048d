// The limit on MySQL and MariaDB: what the C connector reaches on the leanest table of jobs that still keeps a history,
// beside a narrow table of ready jobs that is clustered in the order of the queue; with a durable commit behind every
// write and every finish guarded by the state. No library is involved.
//
//   limit_mysql HOST PORT USER PASSWORD DATABASE JOBS
//
// JOBS: how many are enqueued in batches, a multiple of 1000; one by one a twentieth. Prints a line of JSON for each
// operation. Makes the tables limit_jobs and limit_ready in that database and drops them at its end.

#include <mysql.h>

#include <atomic>
#include <memory>
#include <string>

#include "limit.hpp"

namespace {

struct Server {
  const char* host;
  unsigned port;
  const char* user;
  const char* password;
  const char* database;
};

struct Free {
  void operator()(MYSQL* connection) const { mysql_close(connection); }
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};

class Connection {
 public:
  explicit Connection(const Server& s) : connection_(mysql_init(nullptr)) {
    if (mysql_real_connect(get(), s.host, s.user, s.password, s.database, s.port, nullptr, 0) == nullptr) give_up();
    run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  }

  /// False: this transaction lost a deadlock and was rolled back. Rows may be on their way when it is lost.
  bool run(const std::string& sql) {
    result_.reset();
    if (mysql_real_query(get(), sql.data(), sql.size()) == 0) result_.reset(mysql_store_result(get()));
    constexpr unsigned deadlock = 1213;
    if (mysql_errno(get()) == 0) return true;
    if (mysql_errno(get()) != deadlock) give_up();
    return false;
  }

  /// The first column of the last result, as "1,2,3".
  [[nodiscard]] std::string ids() {
    std::string list;
    while (MYSQL_ROW row = mysql_fetch_row(result_.get())) (list.empty() ? list : list += ',') += row[0];
    return list;
  }
  [[nodiscard]] long rows() { return static_cast<long>(mysql_num_rows(result_.get())); }

 private:
  MYSQL* get() { return connection_.get(); }
  [[noreturn]] void give_up() { limit::fail(mysql_error(get())); }

  std::unique_ptr<MYSQL, Free> connection_;
  std::unique_ptr<MYSQL_RES, Free> result_;
};

constexpr const char* drop = "DROP TABLE IF EXISTS limit_jobs, limit_ready";
constexpr const char* create_jobs =
    "CREATE TABLE limit_jobs (id bigint AUTO_INCREMENT PRIMARY KEY,"
    "  queue varchar(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, type varchar(191) NOT NULL,"
    "  state tinyint NOT NULL DEFAULT 0, priority int NOT NULL DEFAULT 10, params longtext,"
    "  attempt int NOT NULL DEFAULT 0, run_at bigint NOT NULL DEFAULT 0,"
    "  created_at datetime(6) NOT NULL DEFAULT now(6), started_at datetime(6), completed_at datetime(6),"
    "  last_keepalive datetime(6)) ENGINE=InnoDB";
constexpr const char* create_ready =
    "CREATE TABLE limit_ready (queue int NOT NULL, priority int NOT NULL, job bigint NOT NULL,"
    "  PRIMARY KEY (queue, priority, job)) ENGINE=InnoDB";
constexpr const char* insert = "INSERT INTO limit_jobs (queue, type, params) VALUES ";
constexpr const char* values = "('bench','noop','{\"i\":1}')";
constexpr const char* ready_one = "INSERT INTO limit_ready VALUES (1, 10, last_insert_id())";
constexpr const char* ready_batch =
    "INSERT INTO limit_ready SELECT 1, 10, id FROM limit_jobs WHERE id >= last_insert_id()";
constexpr const char* pick =
    "SELECT job FROM limit_ready WHERE queue = 1 ORDER BY priority, job LIMIT %LIMIT FOR UPDATE SKIP LOCKED";
constexpr const char* take = "DELETE FROM limit_ready WHERE queue = 1 AND priority = 10 AND job IN (%IDS)";
constexpr const char* start =
    "UPDATE limit_jobs SET state = 1, attempt = attempt + 1, started_at = now(6), last_keepalive = now(6)"
    "  WHERE id IN (%IDS)";
constexpr const char* finish =
    "UPDATE limit_jobs SET state = 2, completed_at = now(6) WHERE id IN (%IDS) AND state = 1";

/// The statement with its one %WORD replaced.
std::string with(std::string_view sql, std::string_view value) {
  const auto begin = sql.find('%');
  const auto end = sql.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ", begin + 1);
  std::string text(sql.substr(0, begin));
  text += value;
  if (end != std::string_view::npos) text += sql.substr(end);
  return text;
}

class Limit {
 public:
  Limit(const Server& server, long jobs) : server_(server), jobs_(jobs), few_(jobs / 20), main_(server) {
    for (const char* sql : {drop, create_jobs, create_ready}) main_.run(sql);
  }

  void run() {
    enqueue_single("enqueue-single-1conn", 1);
    enqueue_single("enqueue-single-8conn", 8);
    enqueue_batch();
    main_.run("ANALYZE TABLE limit_jobs");
    drain("drain-1", 1, 1, few_);
    drain("drain-8x1", 8, 1, few_);
    drain("drain-batch-500", 1, 500, jobs_ / 3);
    drain("drain-4xbatch-500", 4, 500, jobs_);
    main_.run(drop);
  }

 private:
  template <class Call>
  void with_connections(int count, Call call) {
    limit::in_threads(count, [&] {
      mysql_thread_init();
      {
        Connection connection(server_);
        call(connection);
      }
      mysql_thread_end();
    });
  }

  void enqueue_single(const char* op, int connections) {
    const std::string insert_one = std::string(insert) + values;
    std::atomic<long> left{few_};
    const limit::Operation operation("mysql", op);
    with_connections(connections, [&](Connection& connection) {
      while (left-- > 0) {
        for (const char* sql : {"BEGIN", insert_one.c_str(), ready_one, "COMMIT"}) connection.run(sql);
      }
    });
    operation.report(few_);
  }

  void enqueue_batch() {
    std::string insert_batch = std::string(insert) + values;
    for (int i = 1; i < 1000; ++i) (insert_batch += ',') += values;
    const limit::Operation operation("mysql", "enqueue-batch-1000");
    for (long i = 0; i < jobs_; i += 1000) {
      for (const char* sql : {"BEGIN", insert_batch.c_str(), ready_batch, "COMMIT"}) main_.run(sql);
    }
    operation.report(jobs_);
  }

  /// Until `enough` are done or none is left.
  void drain(const char* op, int connections, int batch, long enough) {
    const std::string pick_batch = with(pick, std::to_string(batch));
    std::atomic<long> done{0};
    std::atomic<long> deadlocks{0};
    const limit::Operation operation("mysql", op);
    with_connections(connections, [&](Connection& connection) {
      while (done < enough) {
        connection.run("BEGIN");
        if (!connection.run(pick_batch)) {
          ++deadlocks;
          continue;
        }
        const long count = connection.rows();
        const std::string ids = connection.ids();
        if (count == 0) {
          connection.run("COMMIT");
          break;
        }
        if (!connection.run(with(take, ids)) || !connection.run(with(start, ids)) || !connection.run("COMMIT")) {
          ++deadlocks;
          continue;
        }
        while (!connection.run(with(finish, ids))) ++deadlocks;
        done += count;
      }
    });
    operation.report(done, deadlocks);
  }

  Server server_;
  long jobs_;
  long few_;
  Connection main_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) limit::fail("usage: limit_mysql HOST PORT USER PASSWORD DATABASE JOBS", 2);
  mysql_library_init(0, nullptr, nullptr);
  const Server server{argv[1], static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)), argv[3], argv[4], argv[5]};
  Limit(server, limit::jobs_from(argv[6])).run();
  mysql_library_end();
}
