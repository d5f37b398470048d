// What doctor finds on a SQLite file.

#include <string>

#include <sqlq/admin.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/sqlite.hpp>

#include "backends/sqlite_scratch.hpp"
#include "support/expect_error.hpp"
#include "support/findings.hpp"
#include "version_check.hpp"

namespace sqlq::sqlite {
namespace {

using testing::has;
using testing::said_of;
using testing::with_code;

class SqliteDoctor : public Scratch {
 protected:
  SqliteDoctor() {
    backend::register_backend("sqlite", factory());
    Migrator(backend::open(url())).up();
  }

  [[nodiscard]] std::vector<Finding> findings(const std::string& options = {}) const {
    return Admin(backend::open(url(options))).doctor();
  }
  [[nodiscard]] std::string drift() const { return said_of(findings(), "schema_drift"); }
  void change(const std::string& sql) const {
    const Native native(path());
    ASSERT_EQ(native.exec(sql), SQLITE_OK) << sqlite3_errmsg(native.handle());
  }
  /// In the text of a table.
  void rewrite(const std::string& from, const std::string& to) const {
    change("PRAGMA writable_schema = ON;"
           "UPDATE sqlite_master SET sql = replace(sql, '" + from + "', '" + to + "');"
           "PRAGMA writable_schema = RESET");
  }
};

TEST_F(SqliteDoctor, OfAFreshFileItSaysOnlyWhatTheLibrarysVersionIs) {
  std::vector<Finding> all = findings();
  std::erase_if(all, [](const Finding& f) { return f.code == "version_defect"; });
  EXPECT_EQ(testing::text_of(all), "");
  EXPECT_EQ(with_code(findings(), "version_defect").size(), has_wal_reset_bug(sqlite3_libversion_number()) ? 1U : 0U);
}

TEST_F(SqliteDoctor, FindsThatAnIndexIsGone) {
  change("DROP INDEX sqlq_jobs_ready");
  EXPECT_EQ(drift(), "the index sqlq_jobs_ready of sqlq_jobs is missing\n");
  EXPECT_FALSE(with_code(findings(), "plan").empty());
}

TEST_F(SqliteDoctor, FindsAnotherIndexOfTheSameName) {
  change("DROP INDEX sqlq_jobs_ready; CREATE INDEX sqlq_jobs_ready ON sqlq_jobs (lane_id, priority) WHERE state = 1");
  EXPECT_TRUE(has(drift(), "the index sqlq_jobs_ready of sqlq_jobs is \"(lane_id, priority) WHERE state = 1\""));
}

TEST_F(SqliteDoctor, FindsThatAColumnMayBeNull) {
  rewrite("priority       INTEGER NOT NULL,", "priority       INTEGER         ,");
  EXPECT_EQ(drift(), "the column priority of sqlq_jobs is \"INTEGER\", this library expects \"INTEGER NOT NULL\"\n");
}

TEST_F(SqliteDoctor, FindsAnotherType) {
  rewrite("busy       INTEGER", "busy       TEXT   ");
  EXPECT_EQ(drift(),
            "the column busy of sqlq_registry is \"TEXT NOT NULL\", this library expects \"INTEGER NOT NULL\"\n");
}

TEST_F(SqliteDoctor, FindsThatATableIsGone) {
  change("DROP TABLE sqlq_agenda");
  EXPECT_EQ(drift(), "the table sqlq_agenda is missing\n");
}

TEST_F(SqliteDoctor, NotesWhatIsTheUsersOwn) {
  change("CREATE INDEX mine ON sqlq_jobs (worker); CREATE TABLE sqlq_mine (a)");
  EXPECT_EQ(said_of(findings(), "schema_extra"), "the index mine of sqlq_jobs ((worker)) is not of this library\n");
  EXPECT_EQ(drift(), "");
}

TEST_F(SqliteDoctor, SaysNothingOfTablesOfAnotherVersion) {
  Migrator(backend::open(url())).down(1);
  EXPECT_EQ(with_code(findings(), "schema_behind").size(), 1U);
  EXPECT_EQ(drift(), "");
  Migrator(backend::open(url())).teardown();
  EXPECT_EQ(with_code(findings(), "schema_behind").size(), 1U);
  EXPECT_EQ(drift(), "");
  EXPECT_TRUE(with_code(findings(), "plan").empty());
}

TEST_F(SqliteDoctor, ComparesAPrivateDatabaseToo) {
  const Database db = backend::open("sqlite::memory:");
  db.migrate();
  EXPECT_EQ(testing::text_of(Admin(db).doctor()), "");
}

TEST_F(SqliteDoctor, NotesThatCommitsMayBeLost) {
  EXPECT_EQ(with_code(findings("?synchronous=normal"), "durability").size(), 1U);
  EXPECT_TRUE(with_code(findings(), "durability").empty());
}

TEST_F(SqliteDoctor, FindsThatStatisticsMislead) {
  EXPECT_TRUE(with_code(findings(), "plan").empty());
  change("CREATE INDEX mine ON sqlq_jobs (lane_id, state); ANALYZE;"
         "INSERT INTO sqlite_stat1 VALUES ('sqlq_jobs', 'sqlq_jobs_ready', '1000000 1000000 1000000 1000000'),"
         "  ('sqlq_jobs', 'mine', '1000000 1 1')");
  EXPECT_EQ(with_code(findings(), "plan").size(), 1U);
}

TEST_F(SqliteDoctor, NamesAreOneLine) {
  change("CREATE INDEX \"my\nown\tindex\" ON sqlq_jobs (worker)");
  const std::string said = said_of(findings(), "schema_extra");
  EXPECT_TRUE(has(said, "the index my\\nown\\tindex of")) << said;
}

}  // namespace
}  // namespace sqlq::sqlite
