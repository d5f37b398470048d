// Somebody keeps everybody from writing to the jobs' table for longer than leases last.

#include "backends/lines_lock.hpp"
#include "backends/postgres_fixture.hpp"
#include "backends/table_lock.hpp"

namespace sqlq::postgres {
namespace {

class PostgresLockedTable : public PostgresTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(PostgresLockedTable, EndsNoLease) {
  static_cast<void>(open());
  const Native application(url());
  testing::LockedTable(url("pool=4")).keeps_all_leases(
      [&] { application.exec("BEGIN; LOCK TABLE sqlq_jobs IN " + std::string(GetParam()) + " MODE"); },
      [&] { application.exec("ROLLBACK"); });
}

// ALTER TABLE and VACUUM FULL; CREATE INDEX; CREATE TRIGGER; REFRESH MATERIALIZED VIEW CONCURRENTLY.
INSTANTIATE_TEST_SUITE_P(By, PostgresLockedTable,
                         ::testing::Values("ACCESS EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::erase(name, ' ');
                           return name;
                         });

struct Lines {
  const char* name;
  const char* lock;
  bool rescues = true;
};

class PostgresLockedLines : public PostgresTest, public ::testing::WithParamInterface<Lines> {};

TEST_P(PostgresLockedLines, DelayNothing) {
  static_cast<void>(open());
  const Native application(url());
  testing::LockedLines(url("pool=2&lock_timeout=3000s&statement_timeout=3000s"))
      .delay_nothing([&] { application.exec(std::string("BEGIN; ") + GetParam().lock); },
                     [&] { application.exec("ROLLBACK"); }, GetParam().rescues);
}

INSTANTIATE_TEST_SUITE_P(Of, PostgresLockedLines,
                         ::testing::Values(Lines{"AllSteps", "LOCK TABLE sqlq_steps"},
                                           Lines{"AllHistories", "LOCK TABLE sqlq_history", false},
                                           Lines{"AllLogs", "LOCK TABLE sqlq_logs", false},
                                           Lines{"OneStep", "SELECT * FROM sqlq_steps FOR UPDATE"},
                                           Lines{"OneHistory", "SELECT * FROM sqlq_history FOR UPDATE"},
                                           Lines{"OneLog", "SELECT * FROM sqlq_logs FOR UPDATE"}),
                         [](const auto& one) { return std::string(one.param.name); });

// Where sessions keep no settings, a heartbeat must bring its own.
TEST_F(PostgresTest, BehindAPoolerAHeartbeatWaitsForNoTable) {
  const auto db = open("pooled=true");
  Client client(db);
  client.enqueue(NewJob{.kind = "k"});
  const Job job = client.claim().at(0);
  const Native application(url());
  application.exec("BEGIN; LOCK TABLE sqlq_jobs");
  EXPECT_THROW(static_cast<void>(client.ping(job)), Error);
  EXPECT_TRUE(db.dialect().outages()->locked_since());
  application.exec("ROLLBACK");
  EXPECT_EQ(client.ping(job), LeaseStatus::renewed);
}

}  // namespace
}  // namespace sqlq::postgres
