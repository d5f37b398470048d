// Steps beside open transactions.

#include "backends/mysql_fixture.hpp"
#include "backends/open_step.hpp"

namespace sqlq::mysql {
namespace {

class MysqlSteps : public OnServer {
 protected:
  [[nodiscard]] static testing::Application application(const Native& native) {
    return {.exec = [&native](const std::string& sql) { native.exec(sql); }, .tx = borrow(native.handle())};
  }
  [[nodiscard]] testing::OpenStep open_step() const {
    const std::string waiting = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
                                " AND trx_query LIKE '%" + backend::Url::parse(url()).authority().path +
                                "%sqlq_steps%'";
    return {db_, "START TRANSACTION WITH CONSISTENT SNAPSHOT",
            [this, waiting] { EXPECT_TRUE(is_seen([&] { return watcher_.number(waiting) != 0; })); }};
  }

  const Database db_ = open_migrated();
  const Native one_{url()};
  const Native two_{url()};
  const Native watcher_{url()};
};

TEST_P(MysqlSteps, AnOpenStepKeepsNobodyWaiting) { open_step().keeps_nobody_waiting(application(one_)); }

TEST_P(MysqlSteps, AnOpenStepOfALostLeaseIsWaitedFor) {
  open_step().is_waited_for(application(one_), application(two_));
}

TEST_P(MysqlSteps, AnOldSnapshotIsNotBelieved) { open_step().does_not_believe_old_snapshots(application(one_)); }

SQLQ_MYSQL_PLACES(MysqlSteps);

}  // namespace
}  // namespace sqlq::mysql
