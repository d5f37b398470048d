// Limits by key beside transactions of others that are open for long, and the step of the schema that brings them.

#include <sqlq/admin.hpp>
#include <sqlq/backend/dialect.hpp>
#include <sqlq/backend/extensions.hpp>

#include "backends/postgres_fixture.hpp"
#include "support/expect_error.hpp"

namespace sqlq::postgres {
namespace {

using namespace std::chrono_literals;

class PostgresGates : public PostgresTest {
 protected:
  JobId enqueue(const std::string& key, const Tx* tx = nullptr) {
    const std::string headers = R"({"sqlq-key":")" + key + R"("})";
    const backend::EnqueueItem item{.id = JobId::make(system_clock()->now()), .fresh_id = true, .queue = "q",
                                    .kind = "k", .params = "{}", .keepalive = 30s, .headers = headers, .key = key};
    return db_.dialect().enqueue({&item, 1}, tx, {}).at(0).id;
  }
  backend::GatesLooked look(std::vector<backend::GateName> named = {}) {
    return db_.dialect().gates()->gates_look(named, 100, {});
  }
  JobState state(JobId id) { return Client(db_).find(id)->state; }

  Native application_{url()};
  Database db_{open("lock_timeout=500ms")};
};

TEST_F(PostgresGates, AnOpenTransactionThatEnqueuesHoldsUpNobody) {
  db_.dialect().gates()->gate_set({"q", "a"}, R"({"concurrency":2})", {});
  application_.exec("BEGIN");
  const Tx tx = borrow(application_.handle());
  const JobId uncommitted = enqueue("a", &tx);
  const JobId other = enqueue("a");
  EXPECT_LT(time_of([&] { EXPECT_EQ(look().let_in, 1u); }), 400ms);
  EXPECT_EQ(state(other), JobState::pending);
  application_.exec("COMMIT");
  EXPECT_EQ(look().let_in, 1u);
  EXPECT_EQ(state(uncommitted), JobState::pending);
}

TEST_F(PostgresGates, ALockedJobIsPassedOver) {
  const JobId locked = enqueue("a");
  const JobId other = enqueue("a");
  application_.exec("BEGIN; SELECT 1 FROM sqlq_jobs WHERE id = '" + locked.to_string() + "' FOR UPDATE");
  EXPECT_LT(time_of([&] { EXPECT_EQ(look().let_in, 1u); }), 400ms);
  EXPECT_EQ(state(other), JobState::pending);
  EXPECT_EQ(state(locked), JobState::waiting);
  application_.exec("ROLLBACK");
  EXPECT_TRUE(eventually([&] { return look({{"q", "a"}}).let_in == 1; }));
}

TEST_F(PostgresGates, AGateThatSomebodyLooksAtIsPassedOver) {
  db_.dialect().gates()->gate_set({"q", "a"}, R"({"concurrency":2})", {});
  const JobId in_it = enqueue("a");
  const JobId beside = enqueue("b");
  application_.exec("BEGIN; SELECT 1 FROM sqlq_gates WHERE key = 'a' FOR UPDATE");
  EXPECT_LT(time_of([&] { EXPECT_EQ(look().let_in, 1u); }), 400ms);
  EXPECT_EQ(state(beside), JobState::pending);
  EXPECT_EQ(state(in_it), JobState::waiting);
  application_.exec("ROLLBACK");
  EXPECT_EQ(look().let_in, 1u);
}

/// He would be waited for: two rows with one key.
TEST_F(PostgresGates, AGateThatSomebodyMakesIsPassedOver) {
  const JobId job = enqueue("a");
  const Schema schema(options().schema);
  const Options own = options();
  PgConnection maker(own, schema.texts());
  maker.begin();
  EXPECT_EQ(maker.session().execute(schema.catalogue()["gates_make"], {{"gates", std::string_view(R"([[1,"a"]])")}}),
            1u);
  EXPECT_LT(time_of([&] { EXPECT_EQ(look().let_in, 0u); }), 400ms);
  maker.rollback();
  EXPECT_EQ(look().let_in, 1u);
  EXPECT_EQ(state(job), JobState::pending);
}

TEST_F(PostgresGates, AJobWhoseRowIsLateTakesItsSlot) {
  db_.dialect().gates()->gate_set({"q", "a"}, R"({"concurrency":1})", {});
  const JobId inside = enqueue("a");
  EXPECT_EQ(look().let_in, 1u);
  for (const std::string stage : {"1", "2"}) {
    application_.exec("UPDATE sqlq_gated SET second = 0, stage = " + stage);
    const JobId next = enqueue("a");
    EXPECT_EQ(look({{"q", "a"}}).let_in, 0u) << stage;
    EXPECT_EQ(state(inside), JobState::pending);
    EXPECT_EQ(state(next), JobState::waiting);
  }
  EXPECT_EQ(application_.query("SELECT count(*) FROM sqlq_gated WHERE stage = 0"), std::vector<std::string>{"1"});
}

/// In a transaction of its own somebody could let the job in before.
TEST_F(PostgresGates, ReapLinesUpInTheStatementThatTakesBack) {
  static_cast<void>(enqueue("a"));
  EXPECT_EQ(look().let_in, 1u);
  application_.exec("UPDATE sqlq_jobs SET state = 2, lease_until_us = 0, lease_token = 1, claims = 1, attempt = 1");
  const Schema schema(options().schema);
  const Options own = options();
  PgConnection reaper(own, schema.texts());
  const std::optional<std::string_view> all;
  const std::int64_t one = 1;
  EXPECT_EQ(reaper.session().execute(schema.catalogue()["reap"],
                                     {{"queues", all}, {"only", all}, {"n", one}, {"now", one}, {"steady", one},
                                      {"spared", std::int64_t{0}}},
                                     [](const sql::Row&) {}),
            1u);
  EXPECT_EQ(application_.query("SELECT j.state || ' ' || g.stage FROM sqlq_jobs j, sqlq_gated g"),
            std::vector<std::string>{"8 2"});
}

TEST_F(PostgresGates, TheWayBackMakesJobsPendingAndKeepsUniqueKeys) {
  const JobId waiting = enqueue("a");
  application_.exec("UPDATE sqlq_jobs SET unique_key = 'u'");
  Migrator migrator(db_);
  EXPECT_EQ(migrator.down(4), migrator.status().latest - 4);
  EXPECT_EQ(application_.query("SELECT state || ' ' || flags FROM sqlq_jobs"), std::vector<std::string>{"1 0"});
  migrator.up();
  EXPECT_EQ(Client(db_).enqueue({.kind = "k", .options = {.unique_key = "u"}}).id, waiting);
}

class PostgresUniqueIndex : public PostgresGates {
 protected:
  PostgresUniqueIndex() { migrator_.down(4); }
  void prepare() const {
    application_.exec("CREATE UNIQUE INDEX CONCURRENTLY sqlq_jobs_unique_8 ON sqlq_jobs (unique_key)"
                      " WHERE unique_key IS NOT NULL AND state IN (1, 2, 5, 7, 8)");
  }
  [[nodiscard]] std::vector<std::string> indexes() const {
    return application_.query("SELECT c.relname || ' ' || i.indisvalid FROM pg_index i"
                              "  JOIN pg_class c ON c.oid = i.indexrelid"
                              " WHERE c.relname LIKE 'sqlq_jobs_unique%'"
                              "   AND c.relnamespace = current_schema()::regnamespace");
  }
  [[nodiscard]] std::string file() const {
    return application_.query("SELECT relfilenode FROM pg_class WHERE relname LIKE 'sqlq_jobs_unique%'"
                              "   AND relnamespace = current_schema()::regnamespace ORDER BY oid DESC LIMIT 1").at(0);
  }

  Migrator migrator_{db_};
};

TEST_F(PostgresUniqueIndex, OneThatWasMadeBeforeIsTaken) {
  prepare();
  const std::string made = file();
  EXPECT_GE(migrator_.up(), 1);
  EXPECT_EQ(file(), made);
  EXPECT_EQ(indexes(), std::vector<std::string>{"sqlq_jobs_unique true"});
}

TEST_F(PostgresUniqueIndex, OneThatWasBrokenOffIsMadeAnew) {
  prepare();
  application_.exec("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sqlq_jobs_unique_8'::regclass");
  EXPECT_GE(migrator_.up(), 1);
  EXPECT_EQ(indexes(), std::vector<std::string>{"sqlq_jobs_unique true"});
}

TEST_F(PostgresUniqueIndex, TwoJobsWithOneKeyMakeTheStepFailWhole) {
  application_.exec("INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes,"
                    "  keepalive_us, created_us, queued_us, params, unique_key)"
                    "SELECT lpad(i::text, 32, '0')::uuid, 1, 1, i, 10, 0, 25, 3, 30, 0, 0, '{}', 'u'"
                    "  FROM unnest(ARRAY[1, 8]) i");
  testing::expect_error(Errc::refused, "unique index", [&] { migrator_.up(); });
  EXPECT_EQ(migrator_.status().current, 4);
  EXPECT_EQ(indexes(), std::vector<std::string>{"sqlq_jobs_unique true"});
}

}  // namespace
}  // namespace sqlq::postgres
