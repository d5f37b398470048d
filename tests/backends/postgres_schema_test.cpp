// The catalogue against the schema: every statement prepares and is declared truly; hot ones have the plan they need.

#include <map>
#include <set>

#include <sqlq/admin.hpp>

#include "backends/postgres_fixture.hpp"
#include "session.hpp"
#include "support/expect_error.hpp"
#include "support/old_jobs.hpp"

namespace sqlq::postgres {
namespace {

using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

const char* const analyze =
    "ANALYZE sqlq_jobs, sqlq_history, sqlq_logs, sqlq_queues, sqlq_lanes, sqlq_periodic, sqlq_inbox, sqlq_gates, "
    "sqlq_gated";

/// A value of the kind a parameter gets, for plans made with values.
const std::map<std::string, std::string> samples = {
    {"ids", "{00000000-0000-7000-8000-000000000001,00000000-0000-7000-8000-000000000002}"},
    {"names", "{a,b}"}, {"queues", "{a}"}, {"kinds", "{k}"}, {"now", "1000"}, {"steady", "1000"}, {"tokens", "{1,2}"},
    {"lanes", "{1,2}"}, {"counts", "{10,10}"}, {"n", "10"}, {"cap", "1000"}, {"token", "1"}, {"queue", "a"},
    {"kind", "k"}, {"id", "00000000-0000-7000-8000-000000000001"}, {"states", "-1"}, {"state", "3"},
    {"before", "ffffffff-ffff-ffff-ffff-ffffffffffff"}, {"claim", "0"}, {"number", "0"}, {"worker", "w"},
    {"unique_keys", "{x,NULL}"}, {"priorities", "{1,1}"}, {"run_ats", "{NULL,NULL}"}, {"delays", "{0,0}"},
    {"max_attempts", "{1,1}"}, {"max_crashes", "{1,1}"}, {"keepalives", "{1,1}"}, {"timeouts", "{1,1}"},
    {"retentions", "{NULL,NULL}"}, {"params", "{null,null}"}, {"results", "{r,r}"}, {"messages", "{m,m}"},
    {"causes", "{1,1}"}, {"claims", "{1,1}"}, {"numbers", "{1,1}"}, {"attempts", "{1,1}"}, {"ats", "{1,1}"},
    {"headers", "{NULL,h}"},
    {"ends", "0"}, {"levels", "{1,1}"}, {"texts", "{t,t}"}, {"lane", "1"}, {"shapes", "{1,2}"}, {"dues", "{1,1}"},
    {"seqs", "{1,1}"}, {"ranks", "{1,2}"}, {"numbered", "0"}, {"workers", "{w,w}"},
    {"only", "{00000000-0000-7000-8000-000000000001}"}, {"down_to", "00000000-0000-0000-0000-000000000000"},
    {"name", "a"}, {"message", "m"}, {"spared", "0"}, {"unique_key", "u"}, {"created_from", "0"},
    {"created_to", "9"}, {"lowest", "0"}, {"highest", "9"}, {"error", "e"}, {"payloads", "1"}, {"priority", "1"},
    {"headers", "{NULL,NULL}"}, {"told", "1"}, {"ord", "1"}, {"at", "1"}, {"until", "1"}, {"value", "1"},
    {"queue_id", "1"}, {"priority", "10"}, {"due", "1000"}, {"seq", "1000"}, {"after", "9"}, {"last", "10"},
    {"settings", "{}"}, {"flags", "{0,2}"}, {"key", "k1"}, {"pause", "1"},
    {"jsons", "{1,1}"}, {"most", "10"}, {"numbers", "[1,2]"}, {"problem", "p"},
    {"rows", R"([{"name":"a","version":1,"becomes":2,"next":1,"definition":"{}","state":"{}"}])"},
};

/// Statements of gates have lists as JSON.
std::string sample_of_gates(const sql::Statement& s, const sql::Field& p) {
  if (!s.name.starts_with("gate")) return {};
  if (p.name == "ids") return R"(["00000000-0000-7000-8000-000000000001"])";
  if (p.name == "names") return R"([["a","k1"],["b","k2"]])";
  if (p.name == "gates") return R"([[1,"k1"],[2,"k2"]])";
  if (p.name == "seqs") return "[1,2]";
  if (p.name == "queue" && p.type == sql::Type::integer) return "1";
  if (p.name != "rows") return {};
  return s.name == "gates_set" ? R"([[1,"k1",1,1,1,null]])" : "[[1,2,1,1,1,0],[2,0,1,1,1,0]]";
}

std::string sample_of(const sql::Statement& s, const sql::Field& p) {
  const std::string gate = sample_of_gates(s, p);
  if (!gate.empty()) return gate;
  const bool json = s.name == "get" || s.name.starts_with("list") || s.name.starts_with("count_");
  if (json && p.name == "ids") return R"(["00000000-0000-7000-8000-000000000001"])";
  if (json && (p.name == "queues" || p.name == "kinds")) return R"(["a","b"])";
  if (p.name == "names" && s.name.starts_with("periodic_")) return R"(["a","b"])";
  const bool numbers = p.name == "queues" && (s.name == "queue_lock" || s.name == "rooms");
  if (numbers || ((s.name == "finish" || s.name == "steps_add") && p.name == "kinds")) return "{1,2}";
  if (s.name.starts_with("step_") && p.name == "kind") return "1";
  return samples.at(p.name);
}

class PostgresSchema : public PostgresTest {
 protected:
  PostgresSchema() : native_(url()), schema_(options().schema) { static_cast<void>(open()); }

  [[nodiscard]] PGconn* own() {
    if (!own_) own_ = std::make_unique<PgConnection>(own_options_, schema_.texts());
    return static_cast<PgSession&>(own_->session()).handle();
  }
  static Answer finish(PGconn* handle, int sent) {
    EXPECT_EQ(sent, 1) << PQerrorMessage(handle);
    PGresult* last = nullptr;
    while (PGresult* next = PQgetResult(handle)) {
      PQclear(last);
      last = next;
    }
    return {last, &PQclear};
  }
  static std::string text_of(const PGresult* result) {
    std::string text;
    for (int row = 0; row < PQntuples(result); ++row) text += std::string(PQgetvalue(result, row, 0)) + "\n";
    return PQresultStatus(result) == PGRES_TUPLES_OK ? text : PQresultErrorMessage(result);
  }

  /// The plan our own connections use, whatever the values.
  std::string kept_plan(const sql::Statement& s) {
    const std::string name = "p" + std::to_string(++plans_);
    std::vector<Oid> types;
    std::string nulls;
    for (const auto& p : s.params) {
      types.push_back(p.type == sql::Type::integer ? 20 : 0);
      nulls += nulls.empty() ? "(NULL" : ", NULL";
    }
    if (!nulls.empty()) nulls += ")";
    const auto prepared = finish(own(), PQsendPrepare(own(), name.c_str(), schema_.texts()[s.index].c_str(),
                                                      static_cast<int>(types.size()), types.data()));
    EXPECT_EQ(PQresultStatus(prepared.get()), PGRES_COMMAND_OK) << s.name << PQresultErrorMessage(prepared.get());
    return text_of(finish(own(), PQsendQuery(own(), ("EXPLAIN (COSTS OFF) EXECUTE " + name + nulls).c_str())).get());
  }

  /// The plan on a connection with the server's settings and with values, as behind a pooler and on borrowed ones.
  std::string passing_plan(const sql::Statement& s) {
    std::vector<Oid> types;
    std::vector<std::string> texts;
    std::vector<const char*> values;
    for (const auto& p : s.params) {
      types.push_back(p.type == sql::Type::integer ? 20 : 0);
      texts.push_back(sample_of(s, p));
    }
    for (const auto& text : texts) values.push_back(text.c_str());
    const std::string explain = "EXPLAIN (COSTS OFF) " + schema_.texts()[s.index];
    return text_of(finish(native_.handle(),
                          PQsendQueryParams(native_.handle(), explain.c_str(), static_cast<int>(types.size()),
                                            types.data(), values.data(), nullptr, nullptr, 0))
                       .get());
  }

  /// 100,000 jobs in all states, few of them held; `states`: the expression for them, of i.
  void fill(const std::string& states = "CASE WHEN i % 500 = 0 THEN 2 WHEN i % 500 = 1 THEN 5"
                                         "     ELSE (ARRAY[1, 3, 4, 6, 7])[1 + i % 5] END") const {
    native_.exec("INSERT INTO sqlq_queues (name, created_us) VALUES ('a', 0), ('b', 0);"
                 "INSERT INTO sqlq_lanes (queue_id, kind) VALUES (1, 'k'), (2, 'k'), (1, 'l'), (2, 'l');"
                 "INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes,"
                 "  keepalive_us, created_us, queued_us, params, expires_us)"
                 "SELECT lpad(i::text, 32, '0')::uuid, 1 + i % 4, 1 + i % 2, " + states +
                 ", 10, i, 25, 3, 30, i, i, '{}', i FROM generate_series(1, 100000) i;"
                 "INSERT INTO sqlq_steps SELECT i, 1, 'a', 0, 1, 1, 1, NULL, '1' FROM generate_series(1, 100000) i;"
                 "INSERT INTO sqlq_history SELECT i, 1, 1, 0, 1, 1, '', '' FROM generate_series(1, 100000) i;"
                 "INSERT INTO sqlq_logs SELECT i, 1, 1, 0, 1, 1, '' FROM generate_series(1, 100000) i;"
                 "INSERT INTO sqlq_periodic SELECT 'n' || i, 1, i, '{}', '{}' FROM generate_series(1, 100000) i;"
                 "INSERT INTO sqlq_inbox (kind) SELECT 'k' FROM generate_series(1, 100000) i;"
                 "INSERT INTO sqlq_gates (queue_id, key, look_us)"
                 "SELECT 1 + i % 2, 'k' || i, i FROM generate_series(1, 100000) i;"
                 "INSERT INTO sqlq_gated "
                 "SELECT i, lpad(i::text, 32, '0')::uuid, 0, i, 0, 1 + i % 2, i % 3, 'k' || i % 9"
                 "  FROM generate_series(1, 100000) i");
  }

  void expect_good_plans(bool kept, bool passing, const std::set<std::string>& only = {});
  static void expect_good(const std::string& name, const std::string& plan);
  static void expect_no_scan(const std::string& name, const std::string& plan);

  Native native_;
  Options own_options_ = options();
  Schema schema_;
  std::unique_ptr<PgConnection> own_;
  int plans_ = 0;
};

bool is_integer(Oid type) { return type == 20 || type == 21 || type == 23; }

TEST_F(PostgresSchema, EveryStatementPreparesAndIsDeclaredTruly) {
  ASSERT_GT(schema_.catalogue().all().size(), 50u);
  std::set<std::string> texts;
  for (const sql::Statement& s : schema_.catalogue().all()) {
    EXPECT_TRUE(texts.insert(schema_.texts()[s.index]).second)
        << s.name << " has the text of another one: the server would know both by the same name";
    std::vector<Oid> types;
    for (const auto& p : s.params) types.push_back(p.type == sql::Type::integer ? 20 : 0);
    const auto prepared = finish(own(), PQsendPrepare(own(), s.name.c_str(), schema_.texts()[s.index].c_str(),
                                                      static_cast<int>(types.size()), types.data()));
    ASSERT_EQ(PQresultStatus(prepared.get()), PGRES_COMMAND_OK) << s.name << PQresultErrorMessage(prepared.get());
    const auto described = finish(own(), PQsendDescribePrepared(own(), s.name.c_str()));
    ASSERT_EQ(static_cast<std::size_t>(PQnparams(described.get())), s.params.size()) << s.name;
    for (std::size_t i = 0; i < s.params.size(); ++i) {
      EXPECT_EQ(is_integer(PQparamtype(described.get(), static_cast<int>(i))), s.params[i].type == sql::Type::integer)
          << s.name << ' ' << s.params[i].name;
    }
    ASSERT_EQ(static_cast<std::size_t>(PQnfields(described.get())), s.columns.size()) << s.name;
    for (std::size_t i = 0; i < s.columns.size(); ++i) {
      EXPECT_EQ(is_integer(PQftype(described.get(), static_cast<int>(i))), s.columns[i].type == sql::Type::integer)
          << s.name << ' ' << s.columns[i].name;
    }
  }
}

/// What the plan of each hot statement must have in it.
const std::map<std::string, std::vector<std::string>> hot = {
    {"job_insert", {"sqlq_lanes_queue_id_kind_key"}},
    {"job_insert_headers", {"sqlq_lanes_queue_id_kind_key"}},
    {"job_insert_new", {"sqlq_lanes_queue_id_kind_key"}},
    {"job_insert_new_headers", {"sqlq_lanes_queue_id_kind_key"}},
    {"holders", {"sqlq_jobs_pkey", "sqlq_jobs_unique"}},
    {"cancel", {"sqlq_jobs_pkey"}},
    {"probe", {"sqlq_jobs_pkey"}},
    {"requeue", {"sqlq_jobs_unique", "sqlq_jobs_pkey"}},
    {"run_now", {"sqlq_jobs_pkey"}},
    {"edit_kinds", {"sqlq_jobs_pkey", "sqlq_lanes_pkey"}},
    {"edit", {"sqlq_jobs_pkey", "sqlq_lanes_queue_id_kind_key"}},
    {"due_by_time", {"sqlq_jobs_scheduled", "Index Cond: ((lane_id = p.lane) AND (due_us <= "}},
    {"due_by_rank", {"sqlq_jobs_ranked", "(priority > level_1.priority)", "(priority = level.priority) AND (due_us"}},
    {"promote", {"sqlq_jobs_ranked", "Tid Scan on sqlq_jobs"}},
    {"lanes_of_all", {"sqlq_jobs_ready", "Index Cond: (lane_id > ready", "sqlq_jobs_scheduled"}},
    {"lanes_of_queues", {"sqlq_jobs_ready", "Index Cond: (lane_id = (l.id * ", "sqlq_jobs_scheduled"}},
    {"lanes_again", {"sqlq_jobs_ready", "Index Cond: ((lane_id = p.lane) AND (ROW(", "sqlq_jobs_scheduled"}},
    {"rooms", {"sqlq_jobs_held"}},
    {"peek", {"sqlq_jobs_ready", "Index Cond: ((lane_id = p.lane) AND (ROW("}},
    {"claim", {"sqlq_jobs_ready", "Index Cond: ((lane_id = p.lane) AND (ROW(", "LockRows", "Tid Scan on sqlq_jobs"}},
    {"lane_next", {"sqlq_jobs_ready", "sqlq_jobs_scheduled", "Index Cond: ((lane_id = p.lane) AND (due_us <= "}},
    {"claim_some", {"sqlq_jobs_pkey", "LockRows", "Tid Scan on sqlq_jobs"}},
    {"give_up", {"sqlq_jobs_pkey"}},
    {"succeed", {"sqlq_jobs_pkey", "Tid Scan on sqlq_history", "sqlq_history_pkey"}},
    {"finish", {"sqlq_jobs_pkey", "Tid Scan on sqlq_history", "sqlq_history_pkey"}},
    {"heartbeat", {"sqlq_jobs_pkey"}},
    {"reap", {"sqlq_jobs_held", "Tid Scan on sqlq_jobs", "sqlq_gated_pkey", "sqlq_logs_pkey"}},
    {"purge", {"sqlq_jobs_finished", "Tid Scan on sqlq_jobs"}},
    {"purge_lines", {"Tid Scan on sqlq_logs", "sqlq_logs_pkey", "Tid Scan on sqlq_history", "sqlq_history_pkey",
                     "Tid Scan on sqlq_steps", "sqlq_steps_pkey"}},
    {"log_add", {"sqlq_jobs_pkey"}},
    {"get", {"sqlq_jobs_pkey"}},
    {"list", {"Index Scan Backward using sqlq_jobs_pkey", "Index Cond: ((job_seq = j.seq) AND (n = j.notes))"}},
    {"list_ids", {"sqlq_jobs_pkey", "Index Cond: ((job_seq = j.seq) AND (n = j.notes))"}},
    {"list_bound", {"Index Only Scan Backward using sqlq_jobs_pkey"}},
    {"claimed", {"sqlq_jobs_held"}},
    {"count_pending", {"sqlq_jobs_ready"}},
    {"count_pending_all", {"sqlq_jobs_ready"}},
    {"count_scheduled", {"sqlq_jobs_scheduled"}},
    {"count_held", {"sqlq_jobs_held"}},
    {"count_waiting", {"sqlq_gated_line", "Index Cond: (id = d.job_id)"}},
    {"count_finished", {"sqlq_jobs_finished", "Index Cond: ((state = $3) AND (lane_id = (l.id * "}},
    {"count_finished_all", {"sqlq_jobs_finished"}},
    {"queue_used",
     {"Index Only Scan using sqlq_jobs_ready on sqlq_jobs j", "sqlq_jobs_scheduled", "sqlq_jobs_held",
      "sqlq_jobs_finished", "sqlq_gated_line", "Index Cond: (lane_id = (l.id * ", "Index Cond: (lane_id = (l_1.id * ",
      "(lane_id = (l_2.id * "}},
    {"waiting_kinds", {"sqlq_jobs_ready", "sqlq_jobs_scheduled"}},
    {"insight_place", {"sqlq_jobs_pkey"}},
    {"insight_lanes", {"sqlq_jobs_ready", "sqlq_jobs_scheduled", "Index Cond: (lane_id = (l.id * "}},
    {"insight_ready", {"sqlq_jobs_ready", "Index Cond: ((lane_id = $1) AND (ROW(priority, due_us, seq) < ROW("}},
    {"insight_level", {"sqlq_jobs_ranked", "Index Cond: ((lane_id = $1) AND (priority > $2) AND (priority <= $3))"}},
    {"insight_due",
     {"sqlq_jobs_ranked", "(lane_id = $1) AND (priority = $2) AND (ROW(due_us, seq) < ROW("}},
    {"history", {"sqlq_jobs_pkey", "sqlq_history_pkey"}},
    {"last_records", {"sqlq_jobs_pkey", "Limit", "Index Scan Backward using sqlq_history_pkey"}},
    {"steps", {"sqlq_jobs_pkey", "sqlq_steps_pkey"}},
    {"step_has", {"sqlq_jobs_pkey", "sqlq_steps_pkey"}},
    {"step_job", {"sqlq_jobs_pkey", "sqlq_steps_pkey"}},
    {"step_lock", {"sqlq_jobs_pkey"}},
    {"step_add", {"sqlq_jobs_pkey"}},
    {"step_find", {"sqlq_steps_pkey", "Index Cond: ((job_seq = $1) AND (kind = k.kind) AND (name = $2) AND (n = $3))"}},
    {"step_signal_last", {"sqlq_steps_pkey"}},
    {"step_tell", {"sqlq_jobs_pkey"}},
    {"steps_wake", {"sqlq_jobs_pkey", "sqlq_steps_pkey"}},
    {"steps_add", {"sqlq_jobs_pkey", "sqlq_steps_pkey"}},
    {"step_replace", {"sqlq_steps_pkey"}},
    {"steps_forget", {"sqlq_steps_pkey"}},
    {"steps_forget_signals", {"sqlq_steps_pkey"}},
    {"log_read", {"sqlq_jobs_pkey", "sqlq_logs_pkey"}},
    {"periodic_first", {"sqlq_periodic_next"}},
    {"periodic_due", {"sqlq_periodic_next", "Index Cond: (next_us <= $1)"}},
    {"periodic_next", {"sqlq_periodic_next", "Index Cond: (next_us > $1)"}},
    {"periodic_list", {"sqlq_periodic_pkey", "Index Cond: (name > $1)"}},
    {"periodic_get", {"sqlq_periodic_pkey"}},
    {"periodic_versions", {"sqlq_periodic_pkey"}},
    {"periodic_lock", {"sqlq_periodic_pkey", "LockRows"}},
    {"periodic_set", {"sqlq_periodic_pkey"}},
    {"periodic_remove", {"sqlq_periodic_pkey"}},
    {"inbox_rows", {"sqlq_inbox_pkey", "Index Cond: (n > $1)"}},
    {"inbox_lock", {"sqlq_inbox_pkey", "LockRows"}},
    {"inbox_remove", {"sqlq_inbox_pkey"}},
    {"inbox_keep", {"sqlq_inbox_pkey"}},
    {"inbox_counts", {"sqlq_inbox_pkey"}},
    {"gate_in", {"sqlq_jobs_pkey", "Index Cond: (id = "}},
    {"gates_arrived", {"sqlq_gated_later", "Index Cond: (second <= "}},
    {"gates_due", {"sqlq_gates_look", "Index Cond: (look_us <= "}},
    {"gates_named", {"sqlq_queues_name_key"}},
    {"gates_next", {"sqlq_gated_later", "sqlq_gates_look"}},
    {"gates_make", {"sqlq_gates_pkey"}},
    {"gates_lock", {"sqlq_gates_pkey", "LockRows"}},
    {"gates_lines", {"sqlq_gates_pkey", "sqlq_gated_line", "(stage = 1)", "(stage = 2)"}},
    {"gates_inside", {"sqlq_gated_line", "(stage = 0)", "sqlq_jobs_pkey", "Index Cond: (id = d.job_id)"}},
    {"gates_came", {"sqlq_gated_line", "(first = 0) AND (second <= ", "Index Cond: (id = d.job_id)"}},
    {"gate_line", {"sqlq_gated_line", "(stage = 1)", "Index Cond: (id = d.job_id)"}},
    {"gated_states", {"sqlq_gated_pkey", "Index Cond: (id = d.job_id)"}},
    {"let_in", {"sqlq_gated_pkey", "Index Cond: (id = d.job_id)", "LockRows"}},
    {"gated_set", {"sqlq_gated_pkey"}},
    {"gated_drop", {"sqlq_gated_pkey"}},
    {"gates_set", {"sqlq_gates_pkey"}},
    {"gates_drop", {"sqlq_gates_pkey", "sqlq_gated_line"}},
    {"gate_open", {"sqlq_gates_pkey"}},
    {"gate_settings", {"sqlq_gates_pkey"}},
    {"gate_get", {"sqlq_gates_pkey", "sqlq_gated_line", "(stage = 0)", "Index Cond: (id = d.job_id)"}},
    {"gate_jobs", {"sqlq_gated_line", "(stage = 0)", "Index Cond: (id = d.job_id)"}},
    {"gate_before", {"sqlq_gated_pkey", "sqlq_gated_line", "(stage = 1)"}},
};

const std::set<std::string> lists = {"list",          "list_ids",        "list_bound", "count_pending",
                                     "count_pending_all", "count_scheduled", "count_held", "count_finished",
                                     "count_finished_all", "count_waiting", "queue_used"};

/// These put the few jobs of a batch into the order of locking, or of a list; no other sorts jobs.
const std::set<std::string> batches = {
    "job_insert", "job_insert_headers", "job_insert_new", "job_insert_new_headers", "cancel", "requeue",
    "finish",     "heartbeat",          "log_add",        "list_ids",               "edit",
    "run_now",    "reap",               "steps",          "steps_wake",             "gate_in"};

/// Nothing walks through a table that may be long.
void PostgresSchema::expect_no_scan(const std::string& name, const std::string& plan) {
  for (const char* table : {"jobs", "history", "logs", "periodic", "steps", "inbox", "gates", "gated"}) {
    EXPECT_EQ(plan.find("Seq Scan on sqlq_" + std::string(table)), std::string::npos) << name << ":\n" << plan;
  }
}

void PostgresSchema::expect_good(const std::string& name, const std::string& plan) {
  expect_no_scan(name, plan);
  for (const auto& part : hot.at(name)) {
    EXPECT_NE(plan.find(part), std::string::npos) << name << " does not have " << part << ":\n" << plan;
  }
  for (const char* node : {"Hash", "Merge", "Bitmap"}) {
    const auto at = plan.find(node);
    const bool join = at != std::string::npos && plan.compare(at, 13, "HashAggregate") != 0;
    EXPECT_FALSE(join) << name << ":\n" << plan;
  }
  const bool sorts = plan.find("Sort") != std::string::npos;
  EXPECT_TRUE(!sorts || batches.contains(name)) << name << ":\n" << plan;
}

void PostgresSchema::expect_good_plans(bool kept, bool passing, const std::set<std::string>& only) {
  for (const auto& [name, wanted] : hot) {
    if (!only.empty() && !only.contains(name)) continue;
    const auto& statement = schema_.catalogue()[name];
    if (kept) {
      SCOPED_TRACE("kept");
      expect_good(name, kept_plan(statement));
    }
    if (passing) {
      SCOPED_TRACE("passing");
      expect_no_scan(name, passing_plan(statement));
    }
  }
}

TEST_F(PostgresSchema, HotPlansOnAnEmptyTable) { expect_good_plans(true, false); }

TEST_F(PostgresSchema, HotPlansOnAnAnalyzedEmptyTable) {
  native_.exec(analyze);
  expect_good_plans(true, false);
}

TEST_F(PostgresSchema, HotPlansOnAFilledTable) {
  fill();
  expect_good_plans(true, true);
}

TEST_F(PostgresSchema, HotPlansWithStatisticsOfAFilledTable) {
  fill();
  native_.exec(analyze);
  expect_good_plans(true, true);
}

TEST_F(PostgresSchema, HotPlansWithStatisticsOfAnEmptyTable) {
  native_.exec(analyze);
  fill();
  expect_good_plans(true, true);
}

TEST_F(PostgresSchema, HotPlansWhereNearlyAllJobsAreFinished) {
  fill("CASE WHEN i % 1000 = 0 THEN 1 + (i / 1000) % 7 ELSE 3 END");
  native_.exec(analyze);
  expect_good_plans(true, true);
}

// Where few jobs are wanted they come from the indexes of their states, lane by lane, and only those are sorted.
TEST_F(PostgresSchema, ListsAndCountsOfAMillionJobsAreBounded) {
  native_.exec("INSERT INTO sqlq_queues (name, created_us) VALUES ('a', 0), ('waiting', 0);"
               "INSERT INTO sqlq_lanes (queue_id, kind) VALUES (1, 'k'), (1, 'rare'), (2, 'k');"
               "INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes,"
               "  keepalive_us, created_us, queued_us, params, expires_us)"
               "SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, " + testing::old_lanes + ", " +
               testing::old_queues + ", " + testing::old_states + ", 10, i, 25, 3, 30, i, i, '{}', i"
               "  FROM generate_series(1, " + std::to_string(testing::old_jobs) + ") i");
  const auto& few = schema_.catalogue()["list_few"];
  for (const bool analyzed : {false, true}) {
    if (analyzed) native_.exec("ANALYZE sqlq_jobs, sqlq_queues, sqlq_lanes");
    const std::string kept = kept_plan(few);
    for (const char* index : {"sqlq_jobs_ready", "sqlq_jobs_scheduled", "sqlq_jobs_held", "sqlq_jobs_finished",
                              "sqlq_gated_line"}) {
      EXPECT_NE(kept.find(index), std::string::npos) << index << ":\n" << kept;
    }
    for (const std::string& plan : {kept, passing_plan(few)}) {
      expect_no_scan("list_few", plan);
      EXPECT_EQ(plan.find("Scan Backward"), std::string::npos) << plan;
    }
    expect_good_plans(true, true, lists);
  }
  const Admin admin(backend::open(url()));
  testing::expect_bounded_lists(admin);
  testing::expect_capped_counts(admin);
}

TEST_F(PostgresSchema, HotPlansWhereAllJobsWait) {
  fill("1");
  native_.exec(analyze);
  expect_good_plans(true, true);
}

TEST_F(PostgresSchema, UpDownUpGivesTheSameSchema) {
  const auto dump = [&] {
    return native_.query("SELECT c.relname || ' ' || c.relkind::text || coalesce(pg_get_indexdef(i.indexrelid), '')"
                         "  FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid"
                         " WHERE c.relnamespace = current_schema()::regnamespace ORDER BY 1");
  };
  const auto before = dump();
  Migrator migrator(backend::open(url()));
  const int latest = migrator.status().latest;
  EXPECT_EQ(migrator.down(0), latest);
  EXPECT_EQ(native_.query("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"),
            std::vector<std::string>{"sqlq_migrations"});
  EXPECT_EQ(migrator.up(), latest);
  EXPECT_EQ(dump(), before);
}

TEST_F(PostgresSchema, TheReadableViewShowsNamesAndSurvivesFarDates) {
  fill();
  native_.exec("UPDATE sqlq_jobs SET due_us = 9223372036854775807 WHERE seq < 10");
  EXPECT_EQ(native_.query("SELECT DISTINCT state FROM sqlq_jobs_readable WHERE due IS NOT NULL ORDER BY 1"),
            (std::vector<std::string>{"cancelled", "cancelling", "errored", "pending", "running", "scheduled",
                                      "success"}));
}

TEST_F(PostgresSchema, TheChecksumIsThatOfTheFileWhereverTheTablesAre) {
  EXPECT_EQ(Schema("one").migrations().at(0).checksum, Schema("another \"one\"").migrations().at(0).checksum);
  EXPECT_NE(Schema("one").migrations().at(0).up, Schema("two").migrations().at(0).up);
}

/// What stands in a URL for a name of any characters.
std::string encoded(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    text += std::string("%") + "0123456789ABCDEF"[byte >> 4U] + "0123456789ABCDEF"[byte & 15U];
  }
  return text;
}

TEST_F(PostgresSchema, OddSchemaNamesAreOnlyNames) {
  const std::string start = "Odd\"Sche:ma {jobs} 'x' \\ %s $1 -- ";
  for (const std::string& odd : {start + std::to_string(::getpid()), "\xc3\x84" + std::string(59, 'n') + "\xc3\xb6"}) {
    if (odd.size() > 63) continue;
    const std::string place = with(server_url(), {}, "schema=" + encoded(odd));
    auto db = backend::open(place);
    db.migrate();
    Client client(db);
    const JobId id = client.enqueue(NewJob{.kind = "k"}).id;
    const auto jobs = client.claim();
    ASSERT_EQ(jobs.size(), 1u) << odd;
    EXPECT_EQ(jobs.at(0).id, id);
    EXPECT_EQ(client.success(jobs.at(0)), FinishStatus::applied);
    EXPECT_EQ(Client(backend::open(place)).find(id)->state, JobState::success);
    Migrator(db).teardown();
    EXPECT_EQ(Migrator(db).status().current, 0);
    native_.exec("DROP SCHEMA " + quoted_name(odd));
  }
}

TEST_F(PostgresSchema, TeardownDropsItsOwn) {
  native_.exec("CREATE TABLE sqlq_mine (n integer); CREATE VIEW mine AS SELECT count(*) FROM sqlq_jobs;"
               "CREATE TABLE refers (job uuid REFERENCES sqlq_jobs (id))");
  const Database db = backend::open(url());
  try {
    Migrator(db).teardown();
    ADD_FAILURE() << "dropped what others need";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::refused);
    EXPECT_NE(std::string(e.what()).find(".mine, "), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find(".refers"), std::string::npos) << e.what();
  }
  EXPECT_TRUE(Client(db).claim().empty()) << "nothing was dropped";
  native_.exec("DROP VIEW mine; DROP TABLE refers");
  Migrator(db).teardown();
  EXPECT_EQ(native_.query("SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
                          " AND relkind IN ('r', 'v', 'S') ORDER BY 1"),
            std::vector<std::string>{"sqlq_mine"});
}

TEST_F(PostgresSchema, OneForeignKeyKeepsOneJob) {
  const Database db = backend::open(url());
  Client client(db);
  std::vector<JobId> ids;
  for (int i = 0; i < 30; ++i) {
    ids.push_back(client.enqueue({.kind = "k", .options = {.retention = Duration::zero()}}).id);
  }
  for (const Job& job : client.claim({}, {}, 30)) client.success(job);
  native_.exec("CREATE TABLE refers (job uuid REFERENCES sqlq_jobs (id)); INSERT INTO refers VALUES ('" +
               ids[17].to_string() + "')");
  const PurgeReport report = Admin(db).purge();
  EXPECT_EQ(report.deleted, 29u);
  EXPECT_EQ(report.kept, std::vector{ids[17]});
  EXPECT_TRUE(Admin(db).purge().kept.empty()) << "it is not tried again at once";
  testing::expect_error(Errc::refused, "", [&] { Admin(db).erase(ids[17]); });
  EXPECT_EQ(Admin(db).requeue(ids[17]), RequeueStatus::requeued);
}

TEST_F(PostgresSchema, TeardownLeavesWhatOthersHave) {
  native_.exec("CREATE TABLE mine (n integer); CREATE VIEW sqlquail AS SELECT 1 AS n; INSERT INTO mine VALUES (1)");
  Migrator(backend::open(url())).teardown();
  EXPECT_EQ(native_.query("SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
                          " AND relkind IN ('r', 'v', 'S') ORDER BY 1"),
            (std::vector<std::string>{"mine", "sqlquail"}));
}

}  // namespace
}  // namespace sqlq::postgres
