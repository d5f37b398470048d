// Schedules in a file that somebody else writes to, and while many change them.

#include <sqlq/backend/register.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/sqlite.hpp>

#include "backends/periodic_checks.hpp"
#include "backends/sqlite_scratch.hpp"

namespace sqlq::sqlite {
namespace {

class SqlitePeriodic : public Scratch {
 protected:
  [[nodiscard]] Database open() const {
    backend::register_backend("sqlite", factory());
    Database db = backend::open(url());
    db.migrate();
    return db;
  }
  testing::PeriodicChecks checks_{open()};
};

TEST_F(SqlitePeriodic, ReadingWaitsForNoWriter) {
  checks_.add("due");
  const Native application(path());
  ASSERT_EQ(application.exec("BEGIN IMMEDIATE; UPDATE sqlq_periodic SET version = version + 1"), SQLITE_OK);
  EXPECT_EQ(checks_.rows().periodic_due(10, {}).rows.size(), 1U);
  EXPECT_EQ(checks_.rows().periodic_list({}, 10).size(), 1U);
  const std::vector<std::string> names{"due"};
  EXPECT_TRUE(checks_.rows().periodic_get(names).at(0).has_value());
  ASSERT_EQ(application.exec("ROLLBACK"), SQLITE_OK);
}
TEST_F(SqlitePeriodic, CrossingChangesAreMadeOnce) { checks_.crossing_changes_are_made_once(); }
TEST_F(SqlitePeriodic, OneOfManyIsApplied) { checks_.one_of_many_is_applied(); }
TEST_F(SqlitePeriodic, TextsAreKept) { checks_.texts_are_kept(); }
TEST_F(SqlitePeriodic, ARefusedJobUndoesTheWholeCall) {
  const Native application(path());
  checks_.a_refused_job_undoes_the_whole_call([&] {
    ASSERT_EQ(application.exec("CREATE TRIGGER forbid BEFORE INSERT ON sqlq_jobs WHEN NEW.params LIKE '%forbidden%'"
                               " BEGIN SELECT RAISE(ABORT, 'no'); END"),
              SQLITE_OK);
  });
}

}  // namespace
}  // namespace sqlq::sqlite
