// Schedules while somebody has locked one of them, and while many change them.

#include "backends/periodic_checks.hpp"
#include "backends/postgres_fixture.hpp"

namespace sqlq::postgres {
namespace {

class PostgresPeriodic : public PostgresTest {
 protected:
  testing::PeriodicChecks checks_{open("pool=4&lock_timeout=500ms")};
};

TEST_F(PostgresPeriodic, ALockedRowHarmsNoOther) {
  const Native application(url());
  checks_.a_locked_row_harms_no_other(
      [&] { application.exec("BEGIN; SELECT * FROM sqlq_periodic WHERE name = 'locked' FOR UPDATE"); },
      [&] { application.exec("ROLLBACK"); });
}
TEST_F(PostgresPeriodic, CrossingChangesAreMadeOnce) { checks_.crossing_changes_are_made_once(); }
TEST_F(PostgresPeriodic, OneOfManyIsApplied) { checks_.one_of_many_is_applied(); }
TEST_F(PostgresPeriodic, TextsAreKept) { checks_.texts_are_kept(); }
TEST_F(PostgresPeriodic, ARefusedJobUndoesTheWholeCall) {
  const Native application(url());
  checks_.a_refused_job_undoes_the_whole_call([&] {
    application.exec("CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                     " IF NEW.params LIKE '%forbidden%' THEN RAISE EXCEPTION 'no % here', NEW.params; END IF;"
                     " RETURN NEW; END $$");
    application.exec("CREATE TRIGGER forbid BEFORE INSERT ON sqlq_jobs FOR EACH ROW EXECUTE FUNCTION forbid()");
  });
}

}  // namespace
}  // namespace sqlq::postgres
