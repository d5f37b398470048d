// Somebody keeps everybody from writing to the jobs' table for longer than leases last.

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

SQLQ_MYSQL_PLACES(MysqlLockedTable);
SQLQ_MYSQL_PLACES(MysqlWholeServer);

}  // namespace
}  // namespace sqlq::mysql
