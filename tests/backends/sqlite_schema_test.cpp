// The catalogue against the schema: every statement prepares and is declared truly; hot ones have the plan they need.

#include <sqlq/admin.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/sqlite.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "backends/sqlite_scratch.hpp"
#include "schema.hpp"
#include "support/old_jobs.hpp"

namespace sqlq::sqlite {
namespace {

using Prepared = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

class SqliteSchema : public Scratch {
 protected:
  SqliteSchema() {
    backend::register_backend("sqlite", factory());
    Migrator(backend::open(url())).up();
    native_ = std::make_unique<Native>(path());
  }

  [[nodiscard]] Prepared prepare(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(native_->handle(), sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(native_->handle()) << " in\n" << sql;
    return {statement, &sqlite3_finalize};
  }

  /// The lines of the plan, in the words of SQLite 3.40: newer ones also say where an index is covering without being
  /// asked for its columns, and where a subquery only asks whether there is a row.
  [[nodiscard]] std::vector<std::string> plan(const sql::Statement& statement) const {
    std::vector<std::string> lines;
    const auto explain = prepare("EXPLAIN QUERY PLAN " + statement.text);
    while (sqlite3_step(explain.get()) == SQLITE_ROW) {
      std::string line(reinterpret_cast<const char*>(sqlite3_column_text(explain.get(), 3)));
      for (const std::string_view word : {"COVERING ", "EXISTS "}) {
        if (const auto at = line.find(word); at != std::string::npos) line.erase(at, word.size());
      }
      lines.push_back(std::move(line));
    }
    return lines;
  }

  void fill() const {
    ASSERT_EQ(native_->exec(
                  "INSERT INTO sqlq_queues (id, name, created_us) VALUES (1, 'a', 0), (2, 'b', 0);"
                  "INSERT INTO sqlq_lanes VALUES (1, 1, 'k'), (2, 2, 'k');"
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
                  "INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes,"
                  "  keepalive_us, created_us, queued_us, params, expires_us)"
                  "SELECT printf('%036d', i), 1 + i % 2, 1 + i % 2, 1 + i % 7, 10, i, 25, 3, 30, i, i, '{}',"
                  "  iif(i % 7 IN (2, 3, 5), i, NULL) FROM n;"
                  "INSERT INTO sqlq_periodic SELECT 'n' || seq, 1, seq, '{}', '{}' FROM sqlq_jobs;"
                  "INSERT INTO sqlq_inbox (kind) SELECT 'k' FROM sqlq_jobs;"
                  "INSERT INTO sqlq_gates (queue_id, key, look_us) SELECT 1, 'k' || seq, seq FROM sqlq_jobs;"
                  "INSERT INTO sqlq_gated SELECT seq, 1, 'k' || seq % 100, seq % 3, 0, seq, 0 FROM sqlq_jobs"),
              SQLITE_OK);
  }

  /// See support/old_jobs.hpp.
  void fill_old_jobs() const {
    ASSERT_EQ(native_->exec(
                  "PRAGMA synchronous = OFF; BEGIN;"
                  "INSERT INTO sqlq_queues (id, name, created_us) VALUES (1, 'a', 0), (2, 'waiting', 0);"
                  "INSERT INTO sqlq_lanes VALUES (1, 1, 'k'), (2, 1, 'rare'), (3, 2, 'k');"
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
                  std::to_string(testing::old_jobs) +
                  ")"
                  "INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes,"
                  "  keepalive_us, created_us, queued_us, params, expires_us)"
                  "SELECT printf('00000000-0000-7000-8000-%012x', i), " + testing::old_lanes + ", " +
                  testing::old_queues + ", " + testing::old_states +
                  ", 10, i, 25, 3, 30, i, i, '{}', iif(i BETWEEN 20004 AND 40003, NULL, i) FROM n; COMMIT"),
              SQLITE_OK);
  }

  void expect_good_plans() const;

  std::unique_ptr<Native> native_;
};

TEST_F(SqliteSchema, EveryStatementPreparesAndIsDeclaredTruly) {
  ASSERT_GT(catalogue().all().size(), 40u);
  for (const sql::Statement& s : catalogue().all()) {
    const auto statement = prepare(s.text);
    ASSERT_NE(statement, nullptr) << s.name;
    EXPECT_EQ(static_cast<std::size_t>(sqlite3_column_count(statement.get())), s.columns.size()) << s.name;
    EXPECT_EQ(static_cast<std::size_t>(sqlite3_bind_parameter_count(statement.get())), s.params.size()) << s.name;
    for (const sql::Field& p : s.params) {
      EXPECT_GT(sqlite3_bind_parameter_index(statement.get(), (":" + p.name).c_str()), 0) << s.name << ' ' << p.name;
    }
  }
}

/// Which index (or key) each hot statement must use to reach the jobs; `|`: either does as well, and versions differ.
const std::map<std::string, std::vector<std::string>> hot = {
    {"lane", {"SEARCH l USING INDEX"}},
    {"steps", {"SEARCH j USING INDEX sqlq_jobs_id (id=?)", "SEARCH s USING PRIMARY KEY (job_seq=?)"}},
    {"step_has", {"SEARCH j USING INDEX sqlq_jobs_id (id=?)",
                  "SEARCH s USING PRIMARY KEY (job_seq=? AND kind=? AND name=? AND n=?)"}},
    {"step_job", {"SEARCH j USING INDEX sqlq_jobs_id (id=?)", "SEARCH s USING PRIMARY KEY (job_seq=?)"}},
    {"step_add", {"SEARCH j USING INDEX sqlq_jobs_id (id=?)"}},
    {"step_find", {"SEARCH sqlq_steps USING PRIMARY KEY (job_seq=? AND kind=? AND name=? AND n=?)"}},
    {"step_tell", {"SEARCH sqlq_jobs USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"step_wake", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)",
                   "SEARCH s USING PRIMARY KEY (job_seq=? AND kind=?)"}},
    {"step_replace", {"SEARCH sqlq_steps USING PRIMARY KEY (job_seq=? AND kind=? AND name=? AND n=?)"}},
    {"steps_forget", {"SEARCH sqlq_steps USING PRIMARY KEY (job_seq=?)"}},
    {"steps_forget_signals", {"SEARCH sqlq_steps USING PRIMARY KEY (job_seq=? AND kind=?)",
                              "SEARCH w USING PRIMARY KEY (job_seq=? AND kind=? AND name=? AND n=?)"}},
    {"promote", {"SEARCH sqlq_jobs USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"due_by_time", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_scheduled (lane_id=? AND due_us<?)"}},
    {"due_by_rank",
     {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_ranked (lane_id=? AND priority>?)",
      "SEARCH j USING INDEX sqlq_jobs_ranked (lane_id=? AND priority=? AND due_us<?)"}},
    {"lanes_of_all",
     {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_ready (lane_id>?)",
      "SEARCH sqlq_jobs USING INDEX sqlq_jobs_ranked (lane_id>?)|"
      "SEARCH sqlq_jobs USING INDEX sqlq_jobs_scheduled (lane_id>?)",
      "SEARCH j USING INDEX sqlq_jobs_scheduled (lane_id=?)"}},
    {"lanes_of_queue",
     {"SEARCH j USING INDEX sqlq_jobs_ready (lane_id=?)", "SEARCH j USING INDEX sqlq_jobs_scheduled (lane_id=?)"}},
    {"held", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_held (queue_id=?)"}},
    {"peek", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_ready (lane_id=? AND (priority,due_us"}},
    {"lane_next",
     {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_ready (lane_id=?)",
      "SEARCH sqlq_jobs USING INDEX sqlq_jobs_scheduled (lane_id=? AND due_us<?)"}},
    {"give_up", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"claim", {"SEARCH sqlq_jobs USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"claimed", {"SEARCH j USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"succeed", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"finish_success", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"edit_look", {"SEARCH j USING INDEX sqlq_jobs_id (id=?)"}},
    {"edit", {"SEARCH sqlq_jobs USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"probe", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"finish_end", {"SEARCH sqlq_jobs USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"finish_back", {"SEARCH sqlq_jobs USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"heartbeat", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"cancel_waiting", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"reap", {"sqlq_jobs_held"}},
    {"expired", {"sqlq_jobs_finished (state=? AND lane_id=? AND expires_us<?)"}},
    {"list", {"SEARCH j USING INDEX sqlq_jobs_id (id>? AND id<?)", "SEARCH h USING PRIMARY KEY (job_seq=?)"}},
    {"list_ids", {"SEARCH j USING INDEX sqlq_jobs_id (id=?)", "SEARCH h USING PRIMARY KEY (job_seq=?)"}},
    {"list_bound", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id<?)"}},
    {"insight_place", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"insight_lanes",
     {"SEARCH j USING INDEX sqlq_jobs_ready (lane_id=?)", "SEARCH j USING INDEX sqlq_jobs_scheduled (lane_id=?)"}},
    {"insight_ready",
     {"sqlq_jobs_ready (lane_id=? AND (priority,due_us)<(?,?))",
      "sqlq_jobs_ready (lane_id=? AND priority=? AND due_us=? AND rowid<?)"}},
    {"insight_level", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_ranked (lane_id=? AND priority>? AND priority<?)"}},
    {"insight_due",
     {"sqlq_jobs_ranked (lane_id=? AND priority=? AND due_us<?)",
      "sqlq_jobs_ranked (lane_id=? AND priority=? AND due_us=? AND rowid<?)"}},
    {"count_pending", {"SEARCH j USING INDEX sqlq_jobs_ready (lane_id=?)"}},
    {"count_scheduled", {"SEARCH j USING INDEX sqlq_jobs_scheduled (lane_id=?)"}},
    {"count_finished", {"SEARCH j USING INDEX sqlq_jobs_finished (state=? AND lane_id=?"}},
    {"count_finished_all", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_finished (state=?)"}},
    {"history_add", {"SEARCH sqlq_history USING PRIMARY KEY (job_seq=?)"}},
    {"last_records",
     {"SEARCH j USING INDEX sqlq_jobs_id (id=?)|SEARCH j USING COVERING INDEX sqlq_jobs_id (id=?)",
      "SEARCH h USING PRIMARY KEY (job_seq=? AND n=?)", "SEARCH m USING PRIMARY KEY (job_seq=?)"}},
    {"log_guard", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"periodic_first", {"SEARCH p USING INDEX sqlq_periodic_next (next_us>?)"}},
    {"periodic_due", {"SEARCH sqlq_periodic USING INDEX sqlq_periodic_next (next_us<?)"}},
    {"periodic_next", {"SEARCH sqlq_periodic USING INDEX sqlq_periodic_next (next_us>?)"}},
    {"periodic_list", {"SEARCH sqlq_periodic USING PRIMARY KEY (name>?)"}},
    {"periodic_get", {"SEARCH sqlq_periodic USING PRIMARY KEY (name=?)"}},
    {"periodic_versions", {"SEARCH sqlq_periodic USING PRIMARY KEY (name=?)"}},
    {"periodic_lock", {"SEARCH sqlq_periodic USING PRIMARY KEY (name=?)"}},
    {"periodic_set", {"SEARCH p USING PRIMARY KEY (name=?)"}},
    {"periodic_remove", {"SEARCH sqlq_periodic USING PRIMARY KEY (name=?)"}},
    {"inbox_rows", {"SEARCH sqlq_inbox USING INTEGER PRIMARY KEY (rowid>?)"}},
    {"inbox_lock", {"SEARCH sqlq_inbox USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"inbox_remove", {"SEARCH sqlq_inbox USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"inbox_keep", {"SEARCH sqlq_inbox USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"inbox_counts", {"SEARCH sqlq_inbox USING INTEGER PRIMARY KEY (rowid>?)"}},
    {"step_wake_waiting", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"run_now", {"SEARCH sqlq_jobs USING INDEX sqlq_jobs_id (id=?)"}},
    {"gate_in", {"SEARCH j USING INDEX sqlq_jobs_id (id=?)"}},
    {"gates_arrived", {"SEARCH sqlq_gated USING INDEX sqlq_gated_later (second<?)"}},
    {"gates_due", {"SEARCH sqlq_gates USING INDEX sqlq_gates_look (look_us<?)"}},
    {"gates_next", {"SEARCH sqlq_gated USING INDEX sqlq_gated_later", "SEARCH sqlq_gates USING INDEX sqlq_gates_look"}},
    {"gates_lock", {"SEARCH g USING PRIMARY KEY (queue_id=? AND key=?)"}},
    {"gates_lines",
     {"SEARCH g USING PRIMARY KEY (queue_id=? AND key=?)", "SEARCH a USING PRIMARY KEY (queue_id=? AND key=?)",
      "SEARCH d USING INDEX sqlq_gated_line (queue_id=? AND key=? AND stage=?)",
      "SEARCH d USING INDEX sqlq_gated_line (queue_id=? AND key=? AND stage=? AND first=?)"}},
    {"gates_inside",
     {"SEARCH d USING INDEX sqlq_gated_line (queue_id=? AND key=? AND stage=?)",
      "SEARCH j USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"gates_came",
     {"SEARCH d USING INDEX sqlq_gated_line (queue_id=? AND key=? AND stage=? AND first=? AND second<?)",
      "SEARCH j USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"gate_line",
     {"SEARCH sqlq_gated USING INDEX sqlq_gated_line (queue_id=? AND key=? AND stage=?)",
      "SEARCH j USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"gated_states", {"SEARCH j USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"let_in", {"SEARCH sqlq_jobs USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"gated_set", {"SEARCH sqlq_gated USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"gated_drop", {"SEARCH sqlq_gated USING INTEGER PRIMARY KEY (rowid=?)"}},
    {"gates_set", {"SEARCH sqlq_gates USING PRIMARY KEY (queue_id=? AND key=?)"}},
    {"gates_drop", {"SEARCH sqlq_gates USING PRIMARY KEY (queue_id=? AND key=?)"}},
    {"gate_list", {"SEARCH g USING PRIMARY KEY (queue_id=? AND key>?)",
                   "SEARCH d USING INDEX sqlq_gated_line (queue_id=? AND key>?)"}},
    {"gate_get", {"SEARCH g USING PRIMARY KEY (queue_id=? AND key=?)",
                  "SEARCH d USING INDEX sqlq_gated_line (queue_id=? AND key=?"}},
    {"gate_before", {"SEARCH j USING INDEX sqlq_jobs_id (id=?)", "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)",
                     "SEARCH d USING INDEX sqlq_gated_line (queue_id=? AND key=? AND stage=?"}},
    {"count_waiting", {"SEARCH d USING INDEX sqlq_gated_line (queue_id=?)"}},
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

bool contains_one(const std::string& text, const std::string& parts) {
  const auto bar = parts.find('|');
  if (contains(text, parts.substr(0, bar))) return true;
  return bar != std::string::npos && contains_one(text, parts.substr(bar + 1));
}

void SqliteSchema::expect_good_plans() const {
  for (const auto& [name, wanted] : hot) {
    const auto lines = plan(catalogue()[name]);
    std::string whole;
    for (const auto& line : lines) whole += line + "\n";
    for (const auto& part : wanted) {
      EXPECT_TRUE(contains_one(whole, part)) << name << " does not use " << part << ":\n" << whole;
    }
    for (const auto& line : lines) {
      const bool few_rows = name == "list_ids" || name == "steps";  // the jobs that are named, the steps of one
      EXPECT_FALSE(contains(line, "TEMP B-TREE") && !few_rows) << name << " sorts:\n" << whole;
      // Walking an index of held jobs is bounded by the workers' slots; walking the table is not.
      const bool scan = line.starts_with("SCAN sqlq_jobs") || line.starts_with("SCAN j");
      EXPECT_FALSE(scan && !contains(line, "sqlq_jobs_held") && !contains(line, "json_each")) << name << ":\n" << whole;
    }
  }
}

TEST_F(SqliteSchema, HotPlansOnAnEmptyTable) { expect_good_plans(); }

TEST_F(SqliteSchema, HotPlansOnAFilledTable) {
  fill();
  expect_good_plans();
}

TEST_F(SqliteSchema, HotPlansWithStatisticsOfAFilledTable) {
  fill();
  ASSERT_EQ(native_->exec("ANALYZE"), SQLITE_OK);
  expect_good_plans();
}

TEST_F(SqliteSchema, HotPlansWithStatisticsOfAnEmptyTable) {
  ASSERT_EQ(native_->exec("ANALYZE"), SQLITE_OK);
  fill();
  expect_good_plans();
}

TEST_F(SqliteSchema, UpDownUpGivesTheSameSchema) {
  const auto dump = [&] { return native_->query("SELECT name, sql FROM sqlite_master ORDER BY name"); };
  const auto before = dump();
  Migrator migrator(backend::open(url()));
  const int latest = migrator.status().latest;
  EXPECT_EQ(migrator.down(0), latest);
  EXPECT_EQ(native_->query("SELECT name FROM sqlite_master WHERE name LIKE 'sqlq%'"),
            std::vector<std::string>{"sqlq_migrations"});
  EXPECT_EQ(migrator.up(), latest);
  EXPECT_EQ(dump(), before);
}

TEST_F(SqliteSchema, AMigrationNeverGoesTheOtherWay) {
  // Somebody else may have migrated further between looking and doing.
  const auto db = backend::open(url());
  EXPECT_EQ(db.dialect().migrate(backend::Direction::up, 0, {}), 0);
  const int latest = db.dialect().migration_status().latest;
  EXPECT_EQ(db.dialect().migration_status().current, latest);
  EXPECT_EQ(Migrator(db).down(0), latest);
  EXPECT_EQ(db.dialect().migrate(backend::Direction::down, 1, {}), 0);
  EXPECT_EQ(db.dialect().migration_status().current, 0);
}

TEST_F(SqliteSchema, ListsAndCountsOfAMillionJobsAreBounded) {
  fill_old_jobs();
  for (const bool analyzed : {false, true}) {
    if (analyzed) native_->exec("ANALYZE");
    std::string whole;
    for (const auto& line : plan(catalogue()["list_few"])) {
      whole += line + "\n";
      const bool scan = line.starts_with("SCAN j") || line.starts_with("SCAN sqlq_jobs");
      EXPECT_FALSE(scan && !contains(line, "sqlq_jobs_held") && !contains(line, "json_each")) << line;
    }
    for (const char* index : {"sqlq_jobs_ready (lane_id=?)", "sqlq_jobs_scheduled (lane_id=?)", "sqlq_jobs_held",
                              "sqlq_jobs_finished (state=? AND lane_id=?"}) {
      EXPECT_TRUE(contains(whole, index)) << index << ":\n" << whole;
    }
    expect_good_plans();  // those of lists and counts are among them
  }
  const Admin admin(backend::open(url()));
  testing::expect_bounded_lists(admin);
  testing::expect_capped_counts(admin);
}

TEST_F(SqliteSchema, TeardownDropsItsOwn) {
  ASSERT_EQ(native_->exec("CREATE TABLE sqlq_mine (n); CREATE TABLE SQLQ_yours (n);"
                          "CREATE VIEW mine AS SELECT count(*) FROM sqlq_jobs"),
            SQLITE_OK);
  Migrator(backend::open(url())).teardown();
  EXPECT_EQ(native_->exec("SELECT * FROM sqlq_mine; SELECT * FROM SQLQ_yours"), SQLITE_OK);
  EXPECT_NE(native_->exec("SELECT * FROM sqlq_jobs"), SQLITE_OK);
}

TEST_F(SqliteSchema, OneTriggerKeepsOneJob) {
  const Database db = backend::open(url());
  Client client(db);
  std::vector<JobId> ids;
  for (int i = 0; i < 30; ++i) {
    ids.push_back(client.enqueue({.kind = "k", .options = {.retention = Duration::zero()}}).id);
  }
  for (const Job& job : client.claim({}, {}, 30)) client.success(job);
  ASSERT_EQ(native_->exec("CREATE TRIGGER keep BEFORE DELETE ON sqlq_jobs WHEN old.id = '" + ids[17].to_string() +
                          "' BEGIN SELECT RAISE(ABORT, 'needed'); END"),
            SQLITE_OK);
  const PurgeReport report = Admin(db).purge();
  EXPECT_EQ(report.deleted, 29u);
  EXPECT_EQ(report.kept, std::vector{ids[17]});
  EXPECT_TRUE(Admin(db).purge().kept.empty()) << "it is not tried again at once";
  EXPECT_EQ(Admin(db).requeue(ids[17]), RequeueStatus::requeued);
}

TEST_F(SqliteSchema, TheReadableViewShowsNames) {
  fill();
  EXPECT_EQ(native_->query("SELECT DISTINCT state FROM sqlq_jobs_readable ORDER BY 1"),
            (std::vector<std::string>{"cancelled", "cancelling", "errored", "pending", "running", "scheduled",
                                      "success"}));
}

}  // namespace
}  // namespace sqlq::sqlite
