// What doctor finds on a PostgreSQL server.

#include <string>

#include <sqlq/admin.hpp>

#include "backends/postgres_fixture.hpp"
#include "sql/layout.hpp"
#include "sql/migrations.hpp"
#include "support/expect_error.hpp"
#include "support/findings.hpp"

namespace sqlq::postgres {
namespace {

using testing::has;
using testing::said_of;
using testing::with_code;

class PostgresDoctor : public PostgresTest {
 protected:
  PostgresDoctor() : native_(url()), db_(open()) {}

  [[nodiscard]] std::vector<Finding> findings() const { return Admin(db_).doctor(); }
  [[nodiscard]] std::string drift() const { return said_of(findings(), "schema_drift"); }

  Native native_;
  Database db_;
};

TEST_F(PostgresDoctor, TheListingIsThatOfAFreshSchema) {
  const Schema schema(options().schema);
  PgConnection connection(options(), schema.texts());
  for (const char* quotes : {"off", "on"}) {
    connection.script(std::string("SET quote_all_identifiers = ") + quotes);
    EXPECT_EQ(sql::text_of(sql::read_layout(connection.session(), schema.catalogue())),
              sql::text_of(sql::parse_layout(sql::file_text(schema_files(), "layout.txt"))));
  }
}

TEST_F(PostgresDoctor, OfAFreshSchemaItSaysNothing) {
  EXPECT_EQ(drift(), "");
  EXPECT_EQ(said_of(findings(), "schema_extra") + said_of(findings(), "plan"), "");
}

TEST_F(PostgresDoctor, FindsThatAnIndexIsGone) {
  native_.exec("DROP INDEX sqlq_jobs_ready");
  EXPECT_EQ(drift(), "the index sqlq_jobs_ready of sqlq_jobs is missing\n");
}

TEST_F(PostgresDoctor, FindsAnotherIndexOfTheSameName) {
  native_.exec("DROP INDEX sqlq_jobs_held");
  native_.exec("CREATE INDEX sqlq_jobs_held ON sqlq_jobs (queue_id) WHERE state = 2");
  EXPECT_TRUE(has(drift(), "the index sqlq_jobs_held of sqlq_jobs is \"btree (queue_id) WHERE (state = 2)\""));
}

TEST_F(PostgresDoctor, FindsAnInvalidIndex) {
  native_.exec("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sqlq_jobs_ready'::regclass");
  EXPECT_TRUE(has(drift(), "WHERE (state = 1) INVALID\"")) << drift();
}

TEST_F(PostgresDoctor, FindsThatAColumnMayBeNull) {
  native_.exec("ALTER TABLE sqlq_jobs ALTER COLUMN priority DROP NOT NULL");
  EXPECT_EQ(drift(), "the column priority of sqlq_jobs is \"integer\", this library expects \"integer NOT NULL\"\n");
}

TEST_F(PostgresDoctor, FindsAnotherType) {
  native_.exec("ALTER TABLE sqlq_jobs ALTER COLUMN keepalive_us TYPE integer");
  EXPECT_EQ(drift(),
            "the column keepalive_us of sqlq_jobs is \"integer NOT NULL\", this library expects \"bigint NOT NULL\"\n");
}

TEST_F(PostgresDoctor, FindsThatATableIsGone) {
  native_.exec("DROP TABLE sqlq_agenda");
  EXPECT_EQ(drift(), "the table sqlq_agenda is missing\n");
}

TEST_F(PostgresDoctor, NotesWhatIsTheUsersOwn) {
  native_.exec("CREATE INDEX mine ON sqlq_jobs (worker)");
  native_.exec("CREATE TABLE sqlq_mine (a integer)");
  EXPECT_EQ(said_of(findings(), "schema_extra"),
            "the index mine of sqlq_jobs (btree (worker)) is not of this library\n");
  EXPECT_EQ(drift(), "");
}

TEST_F(PostgresDoctor, SaysNothingOfTablesOfAnotherVersion) {
  Migrator(db_).down(1);
  EXPECT_EQ(with_code(findings(), "schema_behind").size(), 1U);
  EXPECT_EQ(drift(), "");
  Migrator(db_).teardown();
  EXPECT_EQ(with_code(findings(), "schema_behind").size(), 1U);
  EXPECT_EQ(drift(), "");
}

TEST_F(PostgresDoctor, FindsATableWithoutAutovacuum) {
  native_.exec("ALTER TABLE sqlq_jobs SET (autovacuum_enabled = off)");
  EXPECT_TRUE(has(said_of(findings(), "autovacuum"), "autovacuum is off for sqlq_jobs"));
}

TEST_F(PostgresDoctor, FindsDeadRows) {
  {
    const Native other(url());
    other.exec("ALTER TABLE sqlq_agenda SET (autovacuum_enabled = off)");
    other.exec("INSERT INTO sqlq_agenda SELECT 1, 1, 1 FROM generate_series(1, 120000)");
    other.exec("DELETE FROM sqlq_agenda");
  }
  const auto said = [&] { return has(said_of(findings(), "dead_rows"), "sqlq_agenda has about 120000 dead rows"); };
  EXPECT_TRUE(eventually(said)) << "the server counts when a session ends";
}

/// The age that counts is given by the test: none has to be waited for.
TEST_F(PostgresDoctor, NamesWhoHoldsAnOldSnapshot) {
  const Native other(url());
  other.exec("SET application_name = 'a report'; BEGIN ISOLATION LEVEL REPEATABLE READ");
  other.exec("SELECT 1 FROM sqlq_jobs");
  const std::string process = other.query("SELECT pg_backend_pid()").at(0);
  const Schema schema(options().schema);
  PgConnection connection(options(), schema.texts());
  std::string said;
  connection.session().execute(schema.queries().old_snapshots, {{"seconds", 0}}, [&](const sql::Row& row) {
    said += std::string(row.text(0)) + " | " + std::string(row.text(2)) + '\n';
  });
  const std::string who = "a transaction of process " + process + " (user postgres, application a report, database ";
  EXPECT_TRUE(has(said, who)) << said;
  EXPECT_TRUE(has(said, "SELECT pg_terminate_backend(" + process + ")")) << said;
}

TEST_F(PostgresDoctor, SaysWhatAUserMayNotSee) {
  const std::string role = options().schema + "_poor";
  native_.exec("CREATE ROLE " + role + " LOGIN");
  native_.exec("GRANT USAGE ON SCHEMA " + options().schema + " TO " + role);
  native_.exec("GRANT SELECT ON sqlq_migrations TO " + role);
  {
    std::string other = url();
    other.replace(other.find("postgres@"), 8, role);
    const auto said = Admin(backend::open(other)).doctor();
    const std::string unseen = said_of(said, "not_looked_at");
    EXPECT_TRUE(has(unseen, "the transactions of other users")) << unseen;
    EXPECT_TRUE(has(unseen, "the kinds of jobs")) << unseen;
    EXPECT_EQ(said_of(said, "schema_drift"), "");
  }
  native_.exec("DROP OWNED BY " + role);
  native_.exec("DROP ROLE " + role);
}

TEST_F(PostgresDoctor, NotesAPooler) {
  EXPECT_EQ(with_code(findings(), "pooler").size(), 0U);
  const std::string pooled = make_scratch(Through::pooler);
  EXPECT_EQ(with_code(Admin(backend::open(pooled)).doctor(), "pooler").size(), 1U);
  drop_scratch(pooled);
}

}  // namespace
}  // namespace sqlq::postgres
