// Schedules while somebody has locked one of them, and while many change them.

#include "backends/mysql_fixture.hpp"
#include "backends/periodic_checks.hpp"

namespace sqlq::mysql {
namespace {

class MysqlPeriodic : public OnServer {
 protected:
  testing::PeriodicChecks checks_{open_migrated(url_with("pool=4"))};
};

TEST_P(MysqlPeriodic, ALockedRowHarmsNoOther) {
  const Native application(url());
  checks_.a_locked_row_harms_no_other(
      [&] {
        application.exec("SET autocommit = 0");
        application.exec("SELECT * FROM sqlq_periodic WHERE name = 'locked' FOR UPDATE");
      },
      [&] { application.exec("ROLLBACK"); });
}
TEST_P(MysqlPeriodic, CrossingChangesAreMadeOnce) { checks_.crossing_changes_are_made_once(); }
TEST_P(MysqlPeriodic, OneOfManyIsApplied) { checks_.one_of_many_is_applied(); }
TEST_P(MysqlPeriodic, TextsAreKept) { checks_.texts_are_kept(); }
TEST_P(MysqlPeriodic, ARefusedJobUndoesTheWholeCall) {
  const Native application(url());
  checks_.a_refused_job_undoes_the_whole_call([&] {
    application.exec("CREATE TRIGGER forbid BEFORE INSERT ON sqlq_jobs FOR EACH ROW"
                     " IF NEW.params LIKE '%forbidden%' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF");
  });
}

SQLQ_MYSQL_PLACES(MysqlPeriodic);

}  // namespace
}  // namespace sqlq::mysql
