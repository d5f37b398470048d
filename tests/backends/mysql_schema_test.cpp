// The catalogue against the schema: every statement runs and is declared truly; hot ones have the plan they need and
// lock no more than they take.

#include <algorithm>
#include <map>
#include <set>

#include <sqlq/admin.hpp>

#include "backends/mysql_fixture.hpp"
#include "support/old_jobs.hpp"

namespace sqlq::mysql {
namespace {

constexpr std::string_view sixteen("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16);

/// Values that fit a statement's parameters.
class Sample {
 public:
  explicit Sample(const sql::Statement& s) {
    for (const sql::Field& p : s.params) {
      if (p.type == sql::Type::list) {
        lists_.push_back(std::make_unique<sql::List>(list_for(s.name, p.name)));
        args_.emplace_back(p.name.c_str(), *lists_.back());
      } else if (p.type == sql::Type::integer) {
        args_.emplace_back(p.name.c_str(), std::int64_t{p.name == "state" ? 3 : p.name == "payloads" ? 1 : 2});
      } else {
        args_.emplace_back(p.name.c_str(), text_for(s.name, p.name));
      }
    }
  }
  [[nodiscard]] std::string spliced_into(const sql::Statement& s) const { return spliced(s, args_.data(), {}); }

 private:
  static std::string_view text_for(const std::string& statement, const std::string& param) {
    if (statement == "ready_remove") return "[[1,2,3,4]]";
    if (statement == "scheduled_remove") return "[[1,2,3]]";
    if (param == "seqs" || param == "numbers") return "[1,2]";
    if (param == "gates" || statement == "gates_named") return R"([[1,"a"],[2,"b"]])";
    if (statement == "gated_set") return R"([[2,0,1,10,20,1],[9,0,2,0,20,1]])";
    if (statement == "gated_drop") return R"([[2,0],[9,0]])";
    if (statement == "gates_set") return R"([[1,"a",2,3,1,null],[2,"b",2,3,1,4]])";
    if (statement == "finished_add") return "[1,2]";
    if (statement == "steps_add") return R"([["1","2","1","name","0","1","1","7","null"]])";
    if (statement.starts_with("periodic_") && param == "names") return R"(["a","b"])";
    if (statement.starts_with("periodic_") && param == "rows") {
      return R"([{"name":"a","version":1,"becomes":2,"next":1,"definition":"{}","state":"{}"},)"
             R"({"name":"b","version":1,"becomes":2,"definition":"{}","state":"{}"}])";
    }
    if (param == "ids") return "[\"01020304-0506-0708-090a-0b0c0d0e0f10\"]";
    if (param == "id" || param == "before") return "ffffffff-ffff-ffff-ffff-ffffffffffff";
    return "a";
  }
  static sql::List list_for(const std::string& statement, const std::string& param) {
    const std::int64_t n = 7;
    if (statement == "jobs_insert") {
      return {15, {sql::Bytes{sixteen}, n, n, n, n, n, n, n, n, n, nullptr, n, n, "key", "{}"}};
    }
    if (statement == "jobs_insert_headers") {
      return {17, {sql::Bytes{sixteen}, n, n, n, n, n, n, n, n, n, nullptr, n, n, "key", "{}", nullptr, n}};
    }
    if (statement == "transfer_jobs") {
      return {26, {sql::Bytes{sixteen}, n, n, n, n, n, n, n, n, n, n, n, n, nullptr, n, n, n, n, n, n, n, "key", "{}",
                   nullptr, nullptr, n}};
    }
    if (statement == "transfer_steps_add") return {9, {n, n, "name", n, n, n, n, nullptr, "1"}};
    if (statement == "history_add") return {8, {n, n, n, n, n, n, "w", "m"}};
    if (statement == "log_add") return {7, {n, n, n, n, n, n, "text"}};
    if (statement == "queues_make") return {3, {"queue", "", n}};
    if (statement == "lanes_make") return {3, {n, "queue", "kind"}};
    if (statement == "keys_add") return {2, {"key", sql::Bytes{sixteen}}};
    if (statement == "claims_add") return {5, {n, n, n, n, "[1,2]"}};
    if (statement == "keys_free" && param == "rows") return {2, {"key", sql::Bytes{sixteen}}};
    if (statement == "finished_remove") return {1, {n, n}};
    if (param == "rows") return {4, {n, n, n, n}};
    if (param == "leases" || param == "claims") return {2, {std::int64_t{1}, n, std::int64_t{2}, n}};
    if (param == "was") return {3, {std::int64_t{1}, n, n, std::int64_t{2}, n, n, std::int64_t{3}, n, n}};
    if (param == "results") return {1, {"r", nullptr, "r"}};
    if (statement == "jobs_write" || statement == "jobs_state" || statement == "jobs_due") {
      return {1, {std::int64_t{1}, std::int64_t{2}, std::int64_t{3}}};
    }
    if (param == "ids") return {1, {sql::Bytes{sixteen}, sql::Bytes{"0123456789abcdef"}}};
    if (param == "lanes") return {1, {std::int64_t{1}, std::int64_t{2}}};
    if (param == "numbers") return {1, {n, n}};
    const bool list = statement.starts_with("list") || statement.starts_with("count_");
    if (list && (param == "queues" || param == "kinds")) return {1, {"a"}};
    if (param == "seqs") return {1, {std::int64_t{1}, std::int64_t{2}, std::int64_t{3}}};
    return {1, {"a", "b"}};
  }

  std::vector<std::unique_ptr<sql::List>> lists_;
  std::vector<sql::Arg> args_;
};

struct Step {
  std::string table;
  std::string type;
  std::string key;
  std::string extra;
};

class MysqlSchema : public OnServer {
 protected:
  MysqlSchema() : db_(open_migrated()), schema_(options()), native_(url()) {}

  [[nodiscard]] const sql::Catalogue& catalogue() const { return schema_.catalogue; }

  void fill(int jobs) const {
    native_.exec("INSERT INTO sqlq_queues (id, name, description, created_us) VALUES (1, 'a', '', 0), (2, 'b', '', 0)");
    native_.exec("INSERT INTO sqlq_lanes (id, queue_id, queue, kind) VALUES (1, 1, 'a', 'k'), (2, 2, 'b', 'k')");
    native_.exec("INSERT INTO sqlq_workers (id, name, asleep_us) VALUES (2, 'a', 0), (7, 'b', 7), (8, 'c', 0)");
    native_.exec("INSERT INTO sqlq_registry VALUES ('a', 1, '', 1, '', '', '', 1, 1, 1, 1, 0), "
                 "('a', 2, '', 1, '', '', '', 1, 1, 1, 1, 2), ('b', 1, '', 1, '', '', '', 1, 1, 1, 1, 0)");
    native_.exec(on_mariadb() ? "SET max_recursive_iterations = 1000000" : "SET cte_max_recursion_depth = 1000000");
    native_.exec("INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes,"
                 "  keepalive_us, created_us, queued_us, params, expires_us, unique_key)"
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + std::to_string(jobs) +
                 ") SELECT UNHEX(LPAD(HEX(i), 32, '0')), 1 + i % 2, 1 + i % 2, 1 + i % 7, 10,"
                 "  IF(i % 7 = 6, 4000000000000000, 0) + i, 25, 3, 30, i, i, '{}', i, IF(i % 3 = 0, i, NULL) FROM n");
    native_.exec("INSERT INTO sqlq_ready (lane_id, priority, due_us, seq)"
                 "SELECT lane_id, priority, due_us, seq FROM sqlq_jobs WHERE state = 1");
    native_.exec("INSERT INTO sqlq_scheduled (lane_id, due_us, seq, priority)"
                 "SELECT lane_id, due_us, seq, priority FROM sqlq_jobs WHERE state = 7");
    native_.exec("INSERT INTO sqlq_claims SELECT queue_id, -seq, 1, 0, CONCAT('[', seq, ']') FROM sqlq_jobs "
                 "WHERE state IN (2, 5)");
    native_.exec("INSERT INTO sqlq_finished (lane_id, state, expires_us, jobs) SELECT lane_id, state, expires_us, "
                 "  CONCAT('[', seq, ']') FROM sqlq_jobs WHERE state IN (3, 4, 6)");
    native_.exec("INSERT INTO sqlq_keys SELECT unique_key, id FROM sqlq_jobs WHERE state IN (1, 2, 5, 7) AND "
                 "unique_key IS NOT NULL");
    native_.exec("INSERT INTO sqlq_periodic SELECT CONCAT('n', seq), 1, seq, '{}', '{}' FROM sqlq_jobs");
    native_.exec("INSERT INTO sqlq_inbox (kind) SELECT 'k' FROM sqlq_jobs");
    native_.exec("INSERT INTO sqlq_gates (queue_id, gate_key, settings, look_us)"
                 "SELECT queue_id, CONCAT('k', seq % 1000), '', seq FROM sqlq_jobs WHERE seq <= 1000");
    native_.exec("INSERT INTO sqlq_gated (job_seq, queue_id, gate_key, stage, first, second, claims)"
                 "SELECT seq, queue_id, CONCAT('k', seq % 1000), seq % 3, IF(seq % 3 = 2, 0, 10), seq, 0 "
                 "  FROM sqlq_jobs");
    native_.exec("INSERT INTO sqlq_history SELECT seq, 1, 1, 1, 1, 1, '', '' FROM sqlq_jobs WHERE state = 2");
    native_.exec("INSERT INTO sqlq_steps SELECT seq, 1, 'a', 0, 1, 1, 1, NULL, '1' FROM sqlq_jobs");
    native_.exec("INSERT INTO sqlq_logs SELECT seq, 1, 1, 1, 1, 1, '' FROM sqlq_jobs WHERE state = 2");
  }
  void analyze() const {
    native_.exec("ANALYZE TABLE sqlq_jobs, sqlq_ready, sqlq_scheduled, sqlq_claims, sqlq_finished, sqlq_workers, "
                 "sqlq_keys, sqlq_lanes, sqlq_queues, sqlq_history, sqlq_logs, sqlq_periodic, sqlq_inbox, sqlq_gates, "
                 "sqlq_gated");
  }

  [[nodiscard]] std::vector<Step> plan(const sql::Statement& statement) const {
    const std::string text = "EXPLAIN FORMAT=TRADITIONAL " + Sample(statement).spliced_into(statement);
    EXPECT_EQ(mysql_real_query(native_.handle(), text.data(), static_cast<unsigned long>(text.size())), 0)
        << statement.name << ": " << mysql_error(native_.handle());
    std::vector<Step> steps;
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(native_.handle()),
                                                                          &mysql_free_result);
    if (!result) return steps;
    std::map<std::string, unsigned> at;
    for (unsigned i = 0; i < mysql_num_fields(result.get()); ++i) {
      at[mysql_fetch_field_direct(result.get(), i)->name] = i;
    }
    while (const MYSQL_ROW row = mysql_fetch_row(result.get())) {
      const auto value = [&](const char* name) { return std::string(row[at[name]] == nullptr ? "" : row[at[name]]); };
      steps.push_back({value("table"), value("type"), value("key"), value("Extra")});
    }
    return steps;
  }
  /// On an empty table a scan is as good as anything.
  void expect_good_plans(bool scans_matter = true, const std::set<std::string>& only = {}) const;

  Database db_;
  Schema schema_;
  Native native_;
};

TEST_P(MysqlSchema, EveryStatementRunsAndIsDeclaredTruly) {
  ASSERT_GT(catalogue().all().size(), 70u);
  for (const sql::Statement& s : catalogue().all()) {
    native_.exec("START TRANSACTION");
    const std::string text = Sample(s).spliced_into(s);
    ASSERT_EQ(mysql_real_query(native_.handle(), text.data(), static_cast<unsigned long>(text.size())), 0)
        << s.name << ": " << mysql_error(native_.handle());
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(native_.handle()),
                                                                          &mysql_free_result);
    ASSERT_EQ(result ? mysql_num_fields(result.get()) : 0u, s.columns.size()) << s.name;
    for (std::size_t i = 0; i < s.columns.size(); ++i) {
      const MYSQL_FIELD* field = mysql_fetch_field_direct(result.get(), static_cast<unsigned>(i));
      const bool number = (field->flags & NUM_FLAG) != 0 || IS_NUM(field->type);
      EXPECT_EQ(number, s.columns[i].type == sql::Type::integer) << s.name << ' ' << s.columns[i].name;
      EXPECT_NE(field->type, MYSQL_TYPE_NEWDECIMAL) << s.name << ' ' << s.columns[i].name;
    }
    native_.exec("ROLLBACK");
  }
}

/// Which index each hot statement must use to reach each of its tables (by alias).
const std::map<std::string, std::map<std::string, std::string>> hot = {
    {"lanes_of", {{"s", "PRIMARY"}, {"r", "PRIMARY"}, {"l", "sqlq_lanes_name"}, {"w", "sqlq_workers_name"}}},
    {"lanes_of_all", {{"s", "PRIMARY"}, {"r", "PRIMARY"}, {"l", "sqlq_lanes_name"}, {"w", "sqlq_workers_name"}}},
    {"room", {{"c", "PRIMARY"}, {"q", "PRIMARY"}}},
    {"lane_again", {{"s", "PRIMARY"}, {"r", "PRIMARY"}, {"l", "PRIMARY"}, {"q", "PRIMARY"}}},
    {"due_by_time", {{"s", "PRIMARY"}}},
    {"next_level", {{"s", "sqlq_scheduled_ranked"}}},
    {"due_of_level", {{"s", "sqlq_scheduled_ranked"}}},
    {"due_lock", {{"j", "PRIMARY"}}},
    {"promote", {{"sqlq_jobs", "PRIMARY"}}},
    {"ready_remove", {{"sqlq_ready", "PRIMARY"}}},
    {"ready_remove_alike", {{"sqlq_ready", "PRIMARY"}}},
    {"scheduled_remove", {{"sqlq_scheduled", "PRIMARY"}}},
    {"scheduled_remove_one", {{"sqlq_scheduled", "PRIMARY"}}},
    {"peek", {{"r", "PRIMARY"}}},
    {"take", {{"r", "PRIMARY"}, {"j", "PRIMARY"}}},
    {"lane_next", {{"r", "PRIMARY"}, {"s", "PRIMARY"}, {"j", "PRIMARY"}}},
    {"take_some", {{"j", "PRIMARY"}, {"r", "PRIMARY"}}},
    {"claim", {{"sqlq_jobs", "PRIMARY"}, {"w", "PRIMARY"}}},
    {"names_lock", {{"w", "PRIMARY"}}},
    {"names_sleep", {{"sqlq_workers", "PRIMARY"}}},
    {"names_remove", {{"w", "PRIMARY"}}},
    {"worker_wake", {{"sqlq_workers", "sqlq_workers_name"}}},
    {"worker_seen", {{"sqlq_registry", "PRIMARY"}}},
    {"worker_remove", {{"r", "PRIMARY"}}},
    {"claims_lock", {{"c", "PRIMARY"}}},
    {"steps", {{"j", "sqlq_jobs_id"}, {"s", "PRIMARY"}}},
    {"step_has", {{"j", "sqlq_jobs_id"}, {"s", "PRIMARY"}}},
    {"step_find", {{"s", "PRIMARY"}}},
    {"steps_jobs", {{"j", "sqlq_jobs_id"}, {"s", "PRIMARY"}}},
    {"steps_add", {{"j", "PRIMARY"}}},
    {"steps_tell", {{"sqlq_jobs", "PRIMARY"}}},
    {"steps_parents", {{"s", "PRIMARY"}}},
    {"step_replace", {{"s", "PRIMARY"}}},
    {"steps_forget", {{"s", "PRIMARY"}}},
    {"steps_forget_signals", {{"s", "PRIMARY"}, {"w", "PRIMARY"}}},
    {"purge_steps", {{"s", "PRIMARY"}}},
    {"claims_leave", {{"sqlq_claims", "PRIMARY"}}},
    {"claims_end", {{"sqlq_claims", "PRIMARY"}}},
    {"lanes_named", {{"l", "sqlq_lanes_name"}}},  // of few queues MySQL reads all names in their index
    {"lane", {{"l", "sqlq_lanes_name"}}},
    {"lane_now", {{"l", "sqlq_lanes_name"}}},
    {"ready_insert", {{"j", "PRIMARY"}}},
    {"scheduled_insert", {{"j", "PRIMARY"}}},
    {"ready_insert_ids", {{"j", "sqlq_jobs_id"}}},
    {"scheduled_insert_ids", {{"j", "sqlq_jobs_id"}}},
    {"id_holders", {{"j", "sqlq_jobs_id"}}},
    {"key_holders", {{"k", "PRIMARY"}}},
    {"keys_remove", {{"sqlq_keys", "PRIMARY"}}},
    {"keys_free", {{"sqlq_keys", "PRIMARY"}}},
    {"ready_without_job", {{"r", "PRIMARY"}, {"j", "PRIMARY"}}},
    {"find", {{"j", "sqlq_jobs_id"}}},
    {"find_now", {{"j", "sqlq_jobs_id"}}},
    {"lock", {{"j", "PRIMARY"}}},
    {"ended", {{"j", "PRIMARY"}}},
    {"ended_of", {{"c", "PRIMARY"}, {"j", "PRIMARY"}}},
    {"ended_lock", {{"j", "PRIMARY"}}},
    {"jobs_write", {{"sqlq_jobs", "PRIMARY"}}},
    {"jobs_state", {{"sqlq_jobs", "PRIMARY"}}},
    {"jobs_due", {{"sqlq_jobs", "PRIMARY"}}},
    {"edit_lanes", {{"j", "sqlq_jobs_id"}, {"l", "PRIMARY"}}},
    {"edit_targets", {{"l", "PRIMARY"}, {"t", "sqlq_lanes_name"}}},
    {"jobs_edit", {{"sqlq_jobs", "PRIMARY"}}},
    {"succeed", {{"sqlq_jobs", "PRIMARY"}}},
    {"succeed_mixed", {{"sqlq_jobs", "PRIMARY"}}},
    {"finished_add", {{"j", "PRIMARY"}}},
    {"heartbeat", {{"h", "PRIMARY"}, {"j", "PRIMARY"}}},
    {"leases", {{"j", "PRIMARY"}}},
    {"leases_share", {{"j", "PRIMARY"}}},
    {"history_last", {{"h", "PRIMARY"}}},
    {"log_last", {{"g", "PRIMARY"}}},
    {"expired", {{"f", "sqlq_finished_expires"}}},
    {"finished_left", {{"j", "PRIMARY"}}},
    {"finished_remove", {{"sqlq_finished", "PRIMARY"}}},
    {"expired_lock", {{"j", "PRIMARY"}}},
    {"purge_logs", {{"g", "PRIMARY"}}},
    {"purge_progress", {{"p", "PRIMARY"}}},
    {"purge_history", {{"h", "PRIMARY"}}},
    {"purge_jobs", {{"j", "PRIMARY"}}},
    {"get", {{"j", "sqlq_jobs_id"}, {"l", "PRIMARY"}}},
    {"last_records", {{"j", "sqlq_jobs_id"}, {"h", "PRIMARY"}, {"m", "PRIMARY"}}},
    {"list", {{"j", "sqlq_jobs_id"}, {"l", "PRIMARY"}, {"h", "PRIMARY"}, {"p", "PRIMARY"}}},
    {"list_ids", {{"j", "sqlq_jobs_id"}, {"l", "PRIMARY"}, {"h", "PRIMARY"}, {"p", "PRIMARY"}}},
    {"list_bound", {{"j", "sqlq_jobs_id"}}},
    {"waiting_kinds", {{"r", "PRIMARY"}, {"s", "PRIMARY"}}},
    {"insight_place", {{"j", "sqlq_jobs_id"}}},
    {"insight_lanes", {{"l", "sqlq_lanes_name"}, {"r", "PRIMARY"}, {"s", "PRIMARY"}}},
    {"insight_ready", {{"r", "PRIMARY"}}},
    {"insight_level", {{"s", "sqlq_scheduled_ranked"}}},
    {"insight_due", {{"s", "sqlq_scheduled_ranked"}}},
    {"count_pending", {{"r", "PRIMARY"}, {"l", "sqlq_lanes_name"}}},
    {"count_held", {{"c", "PRIMARY"}, {"j", "PRIMARY"}}},
    {"count_scheduled", {{"s", "PRIMARY"}, {"l", "sqlq_lanes_name"}}},
    {"count_finished", {{"f", "sqlq_finished_state"}, {"j", "PRIMARY"}, {"l", "sqlq_lanes_name"}}},
    {"count_finished_all", {{"f", "sqlq_finished_state"}, {"j", "PRIMARY"}}},
    {"periodic_first", {{"p", "sqlq_periodic_next"}}},
    {"periodic_due", {{"sqlq_periodic", "sqlq_periodic_next"}}},
    {"periodic_next", {{"sqlq_periodic", "sqlq_periodic_next"}}},
    {"periodic_list", {{"sqlq_periodic", "PRIMARY"}}},
    {"periodic_get", {{"p", "PRIMARY"}}},
    {"periodic_versions", {{"p", "PRIMARY"}}},
    {"periodic_lock", {{"p", "PRIMARY"}}},
    {"periodic_set", {{"p", "PRIMARY"}}},
    {"periodic_remove", {{"p", "PRIMARY"}}},
    {"gate_in", {{"j", "sqlq_jobs_id"}}},
    {"gates_arrived", {{"d", "sqlq_gated_later"}}},
    {"gates_due", {{"g", "sqlq_gates_look"}}},
    {"gates_named", {{"q", "sqlq_queues_name"}}},
    {"gates_next", {{"d", "sqlq_gated_later"}, {"g", "sqlq_gates_look"}}},
    {"gates_make", {{"d", "PRIMARY"}}},
    {"gates_lock", {{"g", "PRIMARY"}}},
    {"gates_lines", {{"g", "PRIMARY"}, {"a", "PRIMARY"}, {"d", "sqlq_gated_line"}}},
    {"gates_inside", {{"d", "sqlq_gated_line"}, {"j", "PRIMARY"}}},
    {"gates_came", {{"d", "sqlq_gated_line"}, {"j", "PRIMARY"}}},
    {"gate_line", {{"g", "sqlq_gated_line"}, {"j", "PRIMARY"}}},
    {"gated_states", {{"j", "PRIMARY"}}},
    {"let_in_lock", {{"j", "PRIMARY"}}},
    {"let_in", {{"sqlq_jobs", "PRIMARY"}}},
    {"gated_set", {{"h", "PRIMARY"}, {"d", "PRIMARY"}}},
    {"gated_drop", {{"h", "PRIMARY"}, {"d", "PRIMARY"}}},
    {"gates_set", {{"d", "PRIMARY"}}},
    {"gates_drop", {{"d", "PRIMARY"}, {"h", "sqlq_gated_line"}}},
    {"gate_settings", {{"g", "PRIMARY"}}},
    {"gates_look_all", {{"sqlq_gates", "PRIMARY"}}},
    {"gate_open", {{"sqlq_gates", "PRIMARY"}}},
    {"gate_list", {{"g", "PRIMARY"}, {"d", "sqlq_gated_line"}}},
    {"gate_get", {{"g", "PRIMARY"}, {"d", "sqlq_gated_line"}, {"j", "PRIMARY"}}},
    {"gate_jobs", {{"d", "sqlq_gated_line"}, {"j", "PRIMARY"}}},
    {"gate_before", {{"j", "sqlq_jobs_id"}, {"m", "PRIMARY"}, {"d", "sqlq_gated_line"}}},
    {"gates_forget", {{"g", "PRIMARY"}}},
    {"gated_forget", {{"d", "sqlq_gated_line"}}},
    {"gate_in_seqs", {{"j", "PRIMARY"}}},
    {"count_waiting", {{"d", "sqlq_gated_line"}, {"j", "PRIMARY"}}},
    {"inbox_rows", {{"i", "PRIMARY"}}},
    {"inbox_lock", {{"i", "PRIMARY"}}},
    {"inbox_remove", {{"sqlq_inbox", "PRIMARY"}}},
    {"inbox_keep", {{"sqlq_inbox", "PRIMARY"}}},
    {"inbox_counts", {{"i", "PRIMARY"}}},
};

const std::set<std::string> lists = {"list",            "list_ids",   "list_bound",     "count_pending",
                                     "count_scheduled", "count_held", "count_finished", "count_finished_all"};

void MysqlSchema::expect_good_plans(bool scans_matter, const std::set<std::string>& only) const {
  for (const auto& [name, wanted] : hot) {
    if (!only.empty() && !only.contains(name)) continue;
    const std::vector<Step> steps = plan(catalogue()[name]);
    std::set<std::string> reached;
    for (const Step& step : steps) {
      const auto key = wanted.find(step.table);
      const std::string shown =
          name + ": table " + step.table + ", " + step.type + " by '" + step.key + "', " + step.extra;
      const bool few = name == "list_ids" || name == "gate_line" || name == "gate_jobs" ||
                       name == "gate_list";  // so many as are named
      EXPECT_TRUE(few || step.extra.find("filesort") == std::string::npos) << shown;
      if (key == wanted.end()) continue;
      reached.insert(step.table);
      if (!scans_matter) continue;
      EXPECT_EQ(step.key, key->second) << shown;
      EXPECT_NE(step.type, "ALL") << shown;
      EXPECT_NE(step.type, "index") << shown;
    }
    // On an empty table the server may know the answer without looking, and for the least of an index at one look.
    const bool no_plan = std::ranges::any_of(steps, [](const Step& s) {
      return s.extra.find("const table") != std::string::npos ||
             s.extra.find("Impossible WHERE") != std::string::npos ||
             s.extra.find("optimized away") != std::string::npos ||
             s.extra.find("min/max row") != std::string::npos;
    });
    EXPECT_TRUE(no_plan || reached.size() == wanted.size()) << name << " reached only " << reached.size() << " tables";
  }
}

TEST_P(MysqlSchema, HotPlansOnAnEmptyTable) { expect_good_plans(false); }

TEST_P(MysqlSchema, HotPlansOnAFilledTable) {
  fill(100'000);
  expect_good_plans();
  analyze();
  expect_good_plans();
}

TEST_P(MysqlSchema, HotPlansWithStatisticsOfAnEmptyTable) {
  for (const char* table : {"sqlq_jobs", "sqlq_ready"}) {
    native_.exec(std::string("ALTER TABLE ") + table + " STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0");
  }
  analyze();
  fill(100'000);
  expect_good_plans();
}

// Jobs that have finished are found in groups of 500, as a busy worker leaves them.
TEST_P(MysqlSchema, ListsAndCountsOfAMillionJobsAreBounded) {
  native_.exec("INSERT INTO sqlq_queues (id, name, description, created_us) VALUES (1, 'a', '', 0), "
               "(2, 'waiting', '', 0)");
  native_.exec("INSERT INTO sqlq_lanes (id, queue_id, queue, kind) VALUES (1, 1, 'a', 'k'), (2, 1, 'a', 'rare'), "
               "(3, 2, 'waiting', 'k')");
  native_.exec(on_mariadb() ? "SET max_recursive_iterations = 1000000" : "SET cte_max_recursion_depth = 1000000");
  native_.exec("SET SESSION group_concat_max_len = 1000000");
  native_.exec("INSERT INTO sqlq_jobs (seq, id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes,"
               "  keepalive_us, created_us, queued_us, params, expires_us)"
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
               std::to_string(testing::old_jobs) + ") SELECT i, UNHEX(CONCAT('00000000000070008000', "
               "LPAD(HEX(i), 12, '0'))), " + testing::old_lanes + ", " + testing::old_queues + ", " +
               testing::old_states + ", 10, i, 25, 3, 30, i, i, '{}', i DIV 500 FROM n");
  native_.exec("INSERT INTO sqlq_ready (lane_id, priority, due_us, seq)"
               "SELECT lane_id, priority, due_us, seq FROM sqlq_jobs WHERE state = 1");
  native_.exec("INSERT INTO sqlq_finished (lane_id, state, expires_us, jobs) SELECT lane_id, state, expires_us,"
               "  CONCAT('[', GROUP_CONCAT(seq), ']') FROM sqlq_jobs WHERE state IN (3, 4, 6)"
               " GROUP BY lane_id, state, expires_us");
  analyze();
  expect_good_plans(true, lists);
  const std::map<std::string, std::string> wanted{
      {"r", "PRIMARY"}, {"s", "PRIMARY"}, {"c", "PRIMARY"}, {"f", "sqlq_finished_state"}, {"j", "PRIMARY"}};
  for (const Step& step : plan(catalogue()["list_few"])) {
    const auto key = wanted.find(step.table);
    if (key == wanted.end()) continue;
    EXPECT_EQ(step.key, key->second) << step.table;
    EXPECT_NE(step.type, "ALL") << step.table;
    EXPECT_NE(step.type, "index") << step.table;
  }
  const Admin admin(db_);
  testing::expect_bounded_lists(admin);
  testing::expect_capped_counts(admin);
}

TEST_P(MysqlSchema, AClaimLocksNoMoreThanItsLimit) {
  fill(7'000);
  ByHand claimer(options());
  ASSERT_EQ(claimer.claim(10).jobs.size(), 10u);
  if (on_mariadb()) {
    std::vector<std::string> locked;
    EXPECT_TRUE(is_seen([&] {
      locked = native_.query("SELECT trx_rows_locked FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = " +
                             claimer.id());
      return !locked.empty();
    }));
    EXPECT_LE(std::stoi(locked.at(0)), 21) << "10 of the ready table, their jobs, the worker's name (decision 0039)";
  } else {
    const std::string locks = "SELECT COUNT(*) FROM performance_schema.data_locks WHERE LOCK_TYPE = 'RECORD' AND "
                              "OBJECT_SCHEMA = DATABASE() AND OBJECT_NAME = ";
    EXPECT_LE(native_.number(locks + "'sqlq_ready'"), 10);
    EXPECT_LE(native_.number(locks + "'sqlq_jobs'"), 10);
    EXPECT_EQ(native_.number(locks + "'sqlq_ready' AND LOCK_MODE NOT LIKE '%REC_NOT_GAP%'"), 0);
  }
  ByHand second(options());
  EXPECT_EQ(second.claim(10, LeaseToken{78}).jobs.size(), 10u) << "it waits for nobody";
}

TEST_P(MysqlSchema, ALockedJobIsSkippedNotWaitedFor) {
  fill(70);
  const Native other(url());
  other.exec("START TRANSACTION");
  const auto first = other.query("SELECT lane_id, priority, due_us, seq FROM sqlq_ready LIMIT 3");
  other.exec("SELECT * FROM sqlq_jobs WHERE seq IN (" + first[3] + ", " + first[7] + ") FOR UPDATE");
  other.exec("SELECT * FROM sqlq_ready WHERE lane_id = " + first[8] + " AND priority = " + first[9] + " AND due_us = " +
             first[10] + " AND seq = " + first[11] + " FOR UPDATE");
  ByHand claimer(options());
  EXPECT_EQ(claimer.claim(100).jobs.size(), 10u - 3u);
}

TEST_P(MysqlSchema, UpDownUpGivesTheSameSchema) {
  const auto dump = [&] {
    std::vector<std::string> all;
    for (const std::string& name : native_.query("SELECT table_name FROM information_schema.tables WHERE "
                                                 "table_schema = DATABASE() ORDER BY table_name")) {
      all.push_back(native_.query("SHOW CREATE TABLE " + name).at(1));
    }
    return all;
  };
  const auto before = dump();
  Migrator migrator(db_);
  const int latest = migrator.status().latest;
  EXPECT_EQ(migrator.down(0), latest);
  EXPECT_EQ(native_.query("SHOW TABLES"), std::vector<std::string>{"sqlq_migrations"});
  EXPECT_EQ(migrator.up(), latest);
  EXPECT_EQ(dump(), before);
}

TEST_P(MysqlSchema, AMigrationInterruptedAnywhereIsBroughtToItsEnd) {
  for (const Migration& step : schema_.migrations) {
    const int before = step.version - 1;
    for (const bool up : {true, false}) {
      const std::vector<std::string> script = split(up ? step.up : step.down);
      for (std::size_t done = 0; done <= script.size(); ++done) {
        Migrator migrator(db_);
        migrator.teardown();
        migrator.up(up ? before : step.version);
        if (up) native_.exec(catalogue()["migrations_make"].text);
        // As a process leaves it that dies after `done` statements.
        native_.exec("INSERT INTO sqlq_migrations (version, name, checksum, applied_us, done) VALUES (" +
                     std::to_string(step.version) + ", '" + step.name + "', '" + step.checksum +
                     "', 1, 0) ON DUPLICATE KEY UPDATE done = 0");
        for (std::size_t i = 0; i < done; ++i) native_.exec(script[i]);
        EXPECT_EQ(migrator.status().current, before);
        EXPECT_EQ(migrator.status().problem, "");
        const auto direction = up ? backend::Direction::up : backend::Direction::down;
        EXPECT_EQ(db_.dialect().migrate(direction, up ? step.version : before, {}), 1) << done;
        EXPECT_EQ(migrator.status().current, up ? step.version : before);
        if (!up) {
          EXPECT_EQ(migrator.down(before), 0);
        }
        if (!up && before == 0) {
          EXPECT_EQ(native_.query("SHOW TABLES"), std::vector<std::string>{"sqlq_migrations"});
        }
        migrator.up();
        Client(db_).enqueue({.kind = "work"});
        EXPECT_EQ(Client(db_).claim({}, {}, 10).size(), 1u);
        migrator.teardown();
        EXPECT_TRUE(native_.query("SHOW TABLES").empty());
      }
    }
  }
}

TEST_P(MysqlSchema, TwoPrefixesLiveInOneDatabase) {
  const Database other = open_migrated(url_with("prefix=my_"));
  Client(other).enqueue({.kind = "theirs"});
  EXPECT_TRUE(Client(db_).claim({}, {}, 10).empty());
  Migrator(db_).teardown();
  EXPECT_EQ(Client(other).claim({}, {}, 10).size(), 1u);
  EXPECT_EQ(native_.query("SHOW TABLES LIKE 'my\\_sqlq\\_jobs'").size(), 1u);
  Migrator(other).teardown();
  EXPECT_TRUE(native_.query("SHOW TABLES").empty());
}

TEST_P(MysqlSchema, TeardownDropsItsOwn) {
  native_.exec("CREATE TABLE sqlq_mine (n INT)");
  native_.exec("CREATE VIEW mine AS SELECT COUNT(*) AS n FROM sqlq_jobs");
  native_.exec("CREATE TABLE refers (job BINARY(16), FOREIGN KEY (job) REFERENCES sqlq_jobs (id)) ENGINE = InnoDB");
  if (native_.number("SELECT @@lower_case_table_names") == 0) native_.exec("CREATE TABLE SQLQ_JOBS (n INT)");
  const auto before = native_.query("SHOW TABLES");
  try {
    Migrator(db_).teardown();
    ADD_FAILURE() << "dropped what others need";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::refused);
    EXPECT_NE(std::string(e.what()).find(".refers"), std::string::npos) << e.what();
  }
  EXPECT_EQ(native_.query("SHOW TABLES"), before);
  native_.exec("DROP TABLE refers");
  Migrator(db_).teardown();
  std::vector<std::string> left{"SQLQ_JOBS", "mine", "sqlq_mine"};
  if (native_.number("SELECT @@lower_case_table_names") != 0) left.erase(left.begin());
  EXPECT_EQ(native_.query("SHOW TABLES"), left);
}

TEST_P(MysqlSchema, OneForeignKeyKeepsOneJob) {
  const Database& db = db_;
  Client client(db);
  std::vector<JobId> ids;
  for (int i = 0; i < 30; ++i) {
    ids.push_back(client.enqueue({.kind = "k", .options = {.retention = Duration::zero()}}).id);
  }
  for (const Job& job : client.claim({}, {}, 30)) client.success(job);
  native_.exec("CREATE TABLE refers (job BINARY(16), FOREIGN KEY (job) REFERENCES sqlq_jobs (id)) ENGINE = InnoDB");
  native_.exec("INSERT INTO refers VALUES (UNHEX(REPLACE('" + ids[17].to_string() + "', '-', '')))");
  const PurgeReport report = Admin(db).purge();
  EXPECT_EQ(report.deleted, 29u);
  EXPECT_EQ(report.kept, std::vector{ids[17]});
  EXPECT_TRUE(Admin(db).purge().kept.empty()) << "it is not tried again at once";
  EXPECT_EQ(Admin(db).requeue(ids[17]), RequeueStatus::requeued);
}

TEST_P(MysqlSchema, EveryTableHasAPrimaryKey) {
  EXPECT_EQ(native_.query("SELECT t.table_name FROM information_schema.tables t WHERE t.table_schema = DATABASE() AND "
                          "t.table_type = 'BASE TABLE' AND NOT EXISTS (SELECT 1 FROM information_schema.statistics s "
                          "WHERE s.table_schema = t.table_schema AND s.table_name = t.table_name AND "
                          "s.index_name = 'PRIMARY')"),
            std::vector<std::string>{});
}

TEST_P(MysqlSchema, TheReadableViewShowsNames) {
  fill(70);
  EXPECT_EQ(native_.query("SELECT DISTINCT state FROM sqlq_jobs_readable ORDER BY 1"),
            (std::vector<std::string>{"cancelled", "cancelling", "errored", "pending", "running", "scheduled",
                                      "success"}));
  EXPECT_EQ(native_.query("SELECT id FROM sqlq_jobs_readable ORDER BY id LIMIT 1"),
            std::vector<std::string>{"00000000-0000-0000-0000-000000000001"});
}

SQLQ_MYSQL_PLACES(MysqlSchema);

}  // namespace
}  // namespace sqlq::mysql
