#include "schema.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <sqlq/error.hpp>

#include "connection.hpp"
#include "sql/job_row.hpp"
#include "sql/migrations.hpp"

namespace sqlq::mysql {
namespace {

/// Read from the server in the statement itself; independent of the session's time zone.
constexpr const char* clock_text = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";

/// In the order of sql::read_job. `worker` is an expression for the worker's name, `payload` the table of params and
/// results.
std::string job_columns(const std::string& worker, const std::string& payload = "j") {
  return "j.id, j.state, j.priority, " + payload + ".params, " + payload + ".result, j.unique_key, j.attempt, "
         "j.max_attempts, j.crashes, j.max_crashes, j.claims, j.lease_token, " + worker + ", j.keepalive_us, "
         "j.timeout_us, j.retention_us, j.created_us, j.queued_us, j.due_us, "
         "CASE WHEN j.claims > 0 THEN j.started_us END, CASE WHEN j.claims > 0 THEN j.heartbeat_us END, "
         "CASE WHEN j.state IN (3, 4, 6) THEN j.finished_us END, j.headers";
}

/// Lock names are common to the server and at most 64 bytes: a hash of the place.
std::string lock_name(const Options& o) {
  std::uint64_t h = 14695981039346656037U;
  for (const char c : o.database + "/" + o.prefix) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return "'sqlq_migrate_" + std::to_string(h) + "'";
}

std::vector<sql::Substitution> substitutions(const Options& o) {
  const auto table = [&](const char* name) { return "`" + o.database + "`.`" + o.prefix + "sqlq_" + name + "`"; };
  const auto text = [](const std::string& s) { return "'" + s + "'"; };
  const std::string worker = "COALESCE((SELECT w.name FROM " + table("workers") + " w WHERE w.id = j.worker_id), X'')";
  std::vector<sql::Substitution> result{
      {"now", std::string("COALESCE(:now, ") + clock_text + ")"},
      {"steady", std::string("COALESCE(:steady, ") + clock_text + ")"},
      {"clock", clock_text},
      {"took", "TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6))"},
      {"worker", worker},
      {"job", job_columns(worker)},
      {"listed_job", job_columns(worker, "p")},
      {"pending_job", job_columns("X''")},
      {"ready_lane", "IF(j.crashes > 0 AND j.crashes + 1 >= j.max_crashes, -j.lane_id, j.lane_id)"},
      {"lock", lock_name(o)},
      {"schema_text", text(o.database)},
      {"migrations_text", text(o.prefix + "sqlq_migrations")},
      {"jobs_text", text(o.prefix + "sqlq_jobs")},
      {"jobs_readable_text", text(o.prefix + "sqlq_jobs_readable")},
      {"jobs_check", "`" + o.prefix + "sqlq_jobs_chk_1`"},  // the name that MySQL gave it
  };
  std::string made;
  std::string all_columns;
  for (const char* name : {"queues", "lanes", "queue_locks", "workers", "jobs", "keys", "ready", "scheduled", "claims",
                           "finished", "history", "logs", "progress", "agenda", "registry", "periodic", "steps",
                           "inbox", "gates", "gated", "jobs_readable", "migrations"}) {
    result.push_back({name, table(name)});
    made += (made.empty() ? "" : ", ") + text(o.prefix + "sqlq_" + name);
    if (std::string_view(name) == "jobs_readable") continue;
    all_columns += (all_columns.empty() ? "" : " + ") + ("(SELECT COUNT(*) FROM (SELECT * FROM " + table(name)) +
                   " LIMIT 0) t)";
  }
  result.push_back({"made", made});
  result.push_back({"all_columns", all_columns});
  return result;
}

std::vector<Migration> expanded_migrations(const Options& o, const sql::Catalogue& catalogue) {
  std::vector<Migration> steps = sql::read_migrations(schema_files());
  for (Migration& m : steps) {
    m.up = sql::expand(m.up, substitutions(o));
    m.down = sql::expand(m.down, substitutions(o));
  }
  sql::write_scripts(steps, catalogue,
                     {.before_up = {"migrations_make", "migration_begin"},
                      .after_up = {"migration_compatible", "migration_add"},
                      .before_down = {"migration_begin"}});
  return steps;
}

/// Held until destroyed. The server frees it when the connection is lost.
class MigrationLock {
 public:
  MigrationLock(sql::Session& session, const Queries& q) : session_(session), q_(q) {
    for (int tries = 0; tries < 12; ++tries) {
      if (session_.integer(q_.migration_lock, {{"wait", 10}}) == 1) return;
    }
    throw Error(Errc::busy, "another process has been migrating this schema for two minutes: try again", "mysql");
  }
  ~MigrationLock() {
    try {
      session_.execute(q_.migration_unlock, {}, [](const sql::Row&) {});
    } catch (...) {  // then the connection is gone, and the lock with it
    }
  }
  MigrationLock(const MigrationLock&) = delete;
  MigrationLock& operator=(const MigrationLock&) = delete;

 private:
  sql::Session& session_;
  const Queries& q_;
};

/// MySQL commits at each statement of a script: a step is marked as begun before and as done after it.
class Steps {
 public:
  Steps(sql::Connection& connection, const Schema& schema, std::optional<std::int64_t> now)
      : connection_(connection), session_(connection.session()), schema_(schema), now_(now) {}

  void up(int version) {
    const Migration& m = begin(version);
    run(m.up);
    sql::record_compatible(session_, schema_.catalogue, m);
    session_.execute(schema_.queries.migration_add, {{"version", version}, {"now", now_}});
  }
  void down(int version) {
    const Migration& m = begin(version);
    run(m.down);
    session_.execute(schema_.queries.migration_remove, {{"version", version}});
  }
  /// Steps that were begun and not done, in either direction, newest first.
  std::vector<int> begun() {
    std::vector<int> versions;
    session_.execute(schema_.queries.migrations_begun, {},
                     [&](const sql::Row& row) { versions.push_back(static_cast<int>(row.integer(0))); });
    return versions;
  }

 private:
  /// What an interrupted step had done already is refused, and so passed over.
  void run(const std::string& script) {
    constexpr std::array done{1060, 1091, 3822, 3940};  // a column, a constraint is there or is gone
    for (const std::string& statement : split(script)) {
      try {
        connection_.script(statement);
      } catch (const Error& e) {
        if (std::ranges::find(done, e.native_code()) == done.end()) throw;
      }
    }
  }
  const Migration& begin(int version) {
    const Migration& m = schema_.migrations.at(static_cast<std::size_t>(version) - 1);
    session_.execute(schema_.queries.migration_begin,
                     {{"version", version}, {"name", m.name}, {"checksum", m.checksum}, {"now", now_}});
    return m;
  }

  sql::Connection& connection_;
  sql::Session& session_;
  const Schema& schema_;
  std::optional<std::int64_t> now_;
};

}  // namespace

Schema::Schema(const Options& o)
    : database("`" + o.database + "`"),
      catalogue(sql::expand(sql::file_text(schema_files(), "queries.sql"), substitutions(o))),
      queries{catalogue},
      migrations(expanded_migrations(o, catalogue)) {}

int migrate(sql::Connection& connection, const Schema& schema, backend::Direction direction, int target,
            const backend::Now& now) {
  sql::Session& session = connection.session();
  const MigrationLock lock(session, schema.queries);
  const MigrationStatus status = sql::read_status(session, schema.catalogue, schema.migrations);
  sql::check_target(status, direction, target);
  Steps steps(connection, schema, now ? std::optional(sql::us(now->wall)) : std::nullopt);
  int count = 0;
  if (direction == backend::Direction::up) {
    if (target > status.current) session.execute(schema.queries.migrations_make);
    for (int v = status.current + 1; v <= target; ++v, ++count) steps.up(v);
    return count;
  }
  if (session.integer(schema.queries.migrations_exist).value_or(0) == 0) return 0;
  for (const int v : steps.begun()) {
    if (v <= target || v > status.latest) continue;
    steps.down(v);
    ++count;
  }
  for (int v = status.current; v > target; --v, ++count) steps.down(v);
  return count;
}

void teardown(sql::Connection& connection, const Schema& schema) {
  sql::Session& session = connection.session();
  const MigrationLock lock(session, schema.queries);
  std::vector<std::string> others;
  session.execute(schema.queries.in_the_way, {}, [&](const sql::Row& row) { others.emplace_back(row.text(0)); });
  sql::refuse_teardown(others, "mysql");
  std::string script;
  session.execute(schema.queries.objects, {}, [&](const sql::Row& row) {
    script += row.text(0) == "VIEW" ? "DROP VIEW IF EXISTS " : "DROP TABLE IF EXISTS ";
    script += schema.database + ".`" + std::string(row.text(1)) + "`;\n";
  });
  connection.script(script);
}

}  // namespace sqlq::mysql
