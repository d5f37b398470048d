// What doctor finds on MySQL and MariaDB.

#include <string>

#include <sqlq/admin.hpp>

#include "backends/mysql_fixture.hpp"
#include "sql/layout.hpp"
#include "sql/migrations.hpp"
#include "support/findings.hpp"

namespace sqlq::mysql {
namespace {

using testing::has;
using testing::said_of;
using testing::with_code;

class MysqlDoctor : public OnServer {
 protected:
  MysqlDoctor() : db_(open_migrated()), native_(url()) {}

  [[nodiscard]] std::vector<Finding> findings() const { return Admin(db_).doctor(); }
  [[nodiscard]] std::string drift() const { return said_of(findings(), "schema_drift"); }

  Database db_;
  Native native_;
};
SQLQ_MYSQL_PLACES(MysqlDoctor);

TEST_P(MysqlDoctor, TheListingIsThatOfAFreshSchema) {
  ByHand hand(options());
  EXPECT_EQ(sql::text_of(sql::read_layout(hand.connection().session(), hand.server().queries())),
            sql::text_of(sql::parse_layout(sql::file_text(schema_files(), "layout.txt"))));
}

TEST_P(MysqlDoctor, OfAFreshSchemaItSaysNothing) {
  EXPECT_EQ(drift(), "");
  EXPECT_EQ(said_of(findings(), "schema_extra") + said_of(findings(), "not_looked_at"), "");
}

TEST_P(MysqlDoctor, APrefixMakesNoDifference) {
  const Database other = open_migrated(url_with("prefix=my_"));
  native_.exec("DROP INDEX sqlq_agenda_at ON my_sqlq_agenda");
  EXPECT_EQ(said_of(Admin(other).doctor(), "schema_drift"), "the index sqlq_agenda_at of sqlq_agenda is missing\n");
  EXPECT_EQ(drift(), "");
}

TEST_P(MysqlDoctor, FindsThatAnIndexIsGone) {
  native_.exec("DROP INDEX sqlq_scheduled_ranked ON sqlq_scheduled");
  EXPECT_EQ(drift(), "the index sqlq_scheduled_ranked of sqlq_scheduled is missing\n");
}

TEST_P(MysqlDoctor, FindsAnotherIndexOfTheSameName) {
  native_.exec("DROP INDEX sqlq_jobs_id ON sqlq_jobs");
  native_.exec("CREATE INDEX sqlq_jobs_id ON sqlq_jobs (id)");
  EXPECT_EQ(drift(),
            "the index sqlq_jobs_id of sqlq_jobs is \"BTREE (id)\", this library expects \"UNIQUE BTREE (id)\"\n");
}

TEST_P(MysqlDoctor, FindsThatAColumnMayBeNull) {
  native_.exec("ALTER TABLE sqlq_jobs MODIFY priority INT");
  EXPECT_EQ(drift(), "the column priority of sqlq_jobs is \"int\", this library expects \"int NOT NULL\"\n");
}

TEST_P(MysqlDoctor, FindsAnotherType) {
  native_.exec("ALTER TABLE sqlq_jobs MODIFY unique_key VARBINARY(100)");
  EXPECT_EQ(drift(),
            "the column unique_key of sqlq_jobs is \"varbinary(100)\", this library expects \"varbinary(255)\"\n");
}

TEST_P(MysqlDoctor, FindsThatATableIsGone) {
  native_.exec("DROP TABLE sqlq_agenda");
  EXPECT_EQ(drift(), "the table sqlq_agenda is missing\n");
}

TEST_P(MysqlDoctor, NotesWhatIsTheUsersOwn) {
  native_.exec("CREATE INDEX mine ON sqlq_jobs (worker_id)");
  native_.exec("CREATE TABLE sqlq_mine (a INT)");
  EXPECT_EQ(said_of(findings(), "schema_extra"),
            "the index mine of sqlq_jobs (BTREE (worker_id)) is not of this library\n");
  EXPECT_EQ(drift(), "");
}

TEST_P(MysqlDoctor, SaysNothingOfTablesOfAnotherVersion) {
  Migrator(db_).down(1);
  EXPECT_EQ(with_code(findings(), "schema_behind").size(), 1U);
  EXPECT_EQ(drift(), "");
  Migrator(db_).teardown();
  EXPECT_EQ(with_code(findings(), "schema_behind").size(), 1U);
  EXPECT_EQ(drift(), "");
}

/// The servers show nobody the tables on which he has no right.
TEST_P(MysqlDoctor, SaysWhatAUserMayNotSee) {
  const std::string database = options().database;
  const std::string user = database + "_poor";
  native_.exec("CREATE USER " + user);
  for (const char* table : {"sqlq_migrations", "sqlq_jobs", "sqlq_queues"}) {
    native_.exec("GRANT SELECT ON " + database + "." + table + " TO " + user);
  }
  const auto said = Admin(backend::open(url_of(user))).doctor();
  native_.exec("DROP USER " + user);
  const std::string unseen = said_of(said, "not_looked_at");
  EXPECT_TRUE(has(unseen, "or there are not: sqlq_agenda, ")) << unseen;
  EXPECT_TRUE(has(unseen, "the right PROCESS")) << unseen;
  EXPECT_EQ(said_of(said, "schema_drift"), "");
}

}  // namespace
}  // namespace sqlq::mysql
