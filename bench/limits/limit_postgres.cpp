// The limit on PostgreSQL: what libpq with prepared statements reaches on the leanest table of jobs that still keeps a
// history, with a durable commit behind every write and every finish guarded by the state. No library is involved.
//
//   limit_postgres URL JOBS      JOBS: how many are enqueued in batches, a multiple of 1000; one by one a tenth
//
// Prints a line of JSON for each operation. Makes the table limit_jobs in that database and drops it at its end.

#include <libpq-fe.h>

#include <atomic>
#include <memory>
#include <string>

#include "limit.hpp"

namespace {

struct Free {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Free>;

class Connection {
 public:
  explicit Connection(const char* url) : connection_(PQconnectdb(url)) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) limit::fail(PQerrorMessage(connection_.get()));
  }

  void run(const char* sql) { check(PQexec(connection_.get(), sql)); }
  void prepare(const char* name, const char* sql) { check(PQprepare(connection_.get(), name, sql, 0, nullptr)); }

  template <class... Text>
  Result execute(const char* name, const Text*... values) {
    const char* const list[] = {values...};
    return check(PQexecPrepared(connection_.get(), name, sizeof...(values), list, nullptr, nullptr, 0));
  }

 private:
  Result check(PGresult* raw) {
    Result result(raw);
    const auto status = PQresultStatus(raw);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) limit::fail(PQerrorMessage(connection_.get()));
    return result;
  }

  std::unique_ptr<PGconn, Free> connection_;
};

constexpr const char* create =
    "SET client_min_messages = warning; DROP TABLE IF EXISTS limit_jobs;"
    "CREATE TABLE limit_jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, queue text NOT NULL,"
    "  type text NOT NULL, state smallint NOT NULL DEFAULT 0, priority int NOT NULL DEFAULT 10, params jsonb,"
    "  attempt int NOT NULL DEFAULT 0, max_attempts int NOT NULL DEFAULT 1,"
    "  run_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now(),"
    "  started_at timestamptz, completed_at timestamptz, keepalive bigint NOT NULL DEFAULT 30000000,"
    "  last_keepalive timestamptz) WITH (fillfactor = 70);"
    "CREATE INDEX ON limit_jobs (queue, priority, run_at, id) WHERE state = 0;"
    "CREATE INDEX ON limit_jobs (last_keepalive) WHERE state = 1";

constexpr const char* insert_one = "INSERT INTO limit_jobs (queue, type, params) VALUES ($1, $2, $3) RETURNING id";
constexpr const char* insert_batch =
    "INSERT INTO limit_jobs (queue, type, params) SELECT $1, $2, u FROM unnest($3::jsonb[]) u RETURNING id";
constexpr const char* claim =
    "WITH p AS (SELECT id FROM limit_jobs WHERE state = 0 AND queue = $1 AND run_at <= now()"
    "  ORDER BY priority, run_at, id LIMIT $2::int FOR UPDATE SKIP LOCKED) "
    "UPDATE limit_jobs j SET state = 1, attempt = attempt + 1, started_at = now(), last_keepalive = now()"
    "  FROM p WHERE j.id = p.id RETURNING j.id, j.type, j.params, j.attempt";
constexpr const char* finish =
    "UPDATE limit_jobs SET state = 2, completed_at = now() WHERE id = ANY($1::bigint[]) AND state = 1";

class Limit {
 public:
  Limit(const char* url, long jobs) : url_(url), jobs_(jobs), few_(jobs / 10), main_(url) { main_.run(create); }

  void run() {
    enqueue_single("enqueue-single-1conn", 1);
    enqueue_single("enqueue-single-8conn", 8);
    enqueue_batch();
    main_.run("VACUUM ANALYZE limit_jobs");
    drain("drain-1", 1, 1, few_);
    drain("drain-8x1", 8, 1, few_);
    drain("drain-batch-500", 1, 500, jobs_ / 3);
    drain("drain-4xbatch-500", 4, 500, jobs_);
    main_.run("DROP TABLE limit_jobs");
  }

 private:
  void enqueue_single(const char* op, int connections) {
    std::atomic<long> left{few_};
    const limit::Operation operation("postgres", op);
    limit::in_threads(connections, [&] {
      Connection connection(url_);
      connection.prepare("insert", insert_one);
      while (left-- > 0) connection.execute("insert", "bench", "noop", "{\"i\":1}");
    });
    operation.report(few_);
  }

  void enqueue_batch() {
    std::string params;
    for (int i = 0; i < 1000; ++i) params += R"(,"{\"i\":1}")";
    params = "{" + params.substr(1) + "}";
    const limit::Operation operation("postgres", "enqueue-batch-1000");
    main_.prepare("insert", insert_batch);
    for (long i = 0; i < jobs_; i += 1000) main_.execute("insert", "bench", "noop", params.c_str());
    operation.report(jobs_);
  }

  /// Until `enough` are done or none is left.
  void drain(const char* op, int connections, int batch, long enough) {
    std::atomic<long> done{0};
    const limit::Operation operation("postgres", op);
    limit::in_threads(connections, [&] {
      Connection connection(url_);
      connection.prepare("claim", claim);
      connection.prepare("finish", finish);
      const std::string most = std::to_string(batch);
      while (done < enough) {
        const Result claimed = connection.execute("claim", "bench", most.c_str());
        const int count = PQntuples(claimed.get());
        if (count == 0) break;
        std::string ids;
        for (int i = 0; i < count; ++i) (ids += i == 0 ? '{' : ',') += PQgetvalue(claimed.get(), i, 0);
        ids += '}';
        connection.execute("finish", ids.c_str());
        done += count;
      }
    });
    operation.report(done);
  }

  const char* url_;
  long jobs_;
  long few_;
  Connection main_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) limit::fail("usage: limit_postgres URL JOBS", 2);
  Limit(argv[1], limit::jobs_from(argv[2])).run();
}
