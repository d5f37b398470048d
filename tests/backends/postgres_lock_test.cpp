// Somebody keeps everybody from writing to the jobs' table for longer than leases last.

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
