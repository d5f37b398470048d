// Somebody locks the table of workers, all of it or a row.

#include "backends/mysql_fixture.hpp"
#include "backends/registry_lock.hpp"

namespace sqlq::mysql {
namespace {

class MysqlRegistry : public OnServer {
 protected:
  [[nodiscard]] testing::LockedRegistry locked(const std::string& statement, const std::string& end) {
    return {open_migrated(url_with("pool=2")), [this, statement] { application_.exec(statement); },
            [this, end] { application_.exec(end); }};
  }
  [[nodiscard]] testing::LockedRegistry locked_table() {
    return locked("LOCK TABLES sqlq_registry WRITE", "UNLOCK TABLES");
  }
  [[nodiscard]] testing::LockedRegistry locked_rows() {
    application_.exec("SET autocommit = 0");
    return locked("UPDATE sqlq_registry SET busy = busy + 1", "ROLLBACK");
  }

 private:
  const Native application_{url()};
};

TEST_P(MysqlRegistry, LockedHarmsNoWork) { locked_table().harms_no_work(); }
TEST_P(MysqlRegistry, LockedKeepsNobodyFromStopping) { locked_table().keeps_nobody_from_stopping(); }
TEST_P(MysqlRegistry, ALockedRowKeepsNobodyFromStopping) { locked_rows().keeps_nobody_from_stopping(); }

SQLQ_MYSQL_PLACES(MysqlRegistry);

}  // namespace
}  // namespace sqlq::mysql
