// Somebody keeps everybody from writing to the jobs' table for longer than leases last.

#include "backends/lines_lock.hpp"
#include "backends/mysql_fixture.hpp"
#include "backends/table_lock.hpp"

namespace sqlq::mysql {
namespace {

class MysqlLockedTable : public OnServer {
 protected:
  void keeps_all_leases(const std::string& hold) const {
    static_cast<void>(open_migrated());
    const Native application(url());
    testing::LockedTable(url_with("pool=4")).keeps_all_leases([&] { application.exec(hold); },
                                                              [&] { application.exec("UNLOCK TABLES"); });
  }
};

TEST_P(MysqlLockedTable, ForOneAloneEndsNoLease) { keeps_all_leases("LOCK TABLES sqlq_jobs WRITE"); }
TEST_P(MysqlLockedTable, ForReadersEndsNoLease) { keeps_all_leases("LOCK TABLES sqlq_jobs READ"); }

/// All tables of the server: beside no other test.
class MysqlWholeServer : public MysqlLockedTable {};

TEST_P(MysqlWholeServer, LockedForABackupEndsNoLease) { keeps_all_leases("FLUSH TABLES WITH READ LOCK"); }

class MysqlLockedLines : public OnServer {
 protected:
  void delay_nothing(const std::string& hold, const std::string& end, bool rescues = true) const {
    static_cast<void>(open_migrated());
    const Native application(url());
    application.exec("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    application.exec("SET autocommit = 0");
    const std::string patient = "pool=2&lock_timeout=3000s&statement_timeout=3000s&read_timeout=3600s";
    testing::LockedLines(url_with(patient))
        .delay_nothing([&] { application.exec(hold); }, [&] { application.exec(end); }, rescues);
  }
};

TEST_P(MysqlLockedLines, OfAllStepsDelayNothing) { delay_nothing("LOCK TABLES sqlq_steps WRITE", "UNLOCK TABLES"); }
TEST_P(MysqlLockedLines, OfAllHistoriesAreWaitedForByTheRescue) {
  delay_nothing("LOCK TABLES sqlq_history WRITE", "UNLOCK TABLES", false);
}
TEST_P(MysqlLockedLines, OfAllLogsAreWaitedForByTheRescue) {
  delay_nothing("LOCK TABLES sqlq_logs WRITE", "UNLOCK TABLES", false);
}
TEST_P(MysqlLockedLines, OfOneJobsStepsDelayNothing) {
  delay_nothing("SELECT * FROM sqlq_steps FOR UPDATE", "ROLLBACK");
}
TEST_P(MysqlLockedLines, OfOneJobsHistoryDelayNothing) {
  delay_nothing("SELECT * FROM sqlq_history FOR UPDATE", "ROLLBACK");
}
TEST_P(MysqlLockedLines, OfOneJobsLogDelayNothing) {
  delay_nothing("SELECT * FROM sqlq_logs FOR UPDATE", "ROLLBACK");
}

SQLQ_MYSQL_PLACES(MysqlLockedLines);
SQLQ_MYSQL_PLACES(MysqlLockedTable);
SQLQ_MYSQL_PLACES(MysqlWholeServer);

}  // namespace
}  // namespace sqlq::mysql
