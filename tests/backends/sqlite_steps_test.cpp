// Steps go with their job, whoever deletes it: its seq is given to another job one day.

#include <sqlq/backend/dialect.hpp>
#include <sqlq/client.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/sqlite.hpp>

#include "backends/sqlite_scratch.hpp"

namespace sqlq::sqlite {
namespace {

class SqliteSteps : public Scratch {};

TEST_F(SqliteSteps, StepsOfAJobDeletedByHandAreNotThoseOfTheNext) {
  register_schemes();
  const Database db = backend::open(url());
  db.migrate();
  Client client(db);
  client.enqueue(NewJob{.kind = "k"});
  const Job job = client.claim().at(0);
  backend::Steps& steps = *db.dialect().steps();
  steps.record_step({.id = job.id, .token = job.lease_token, .name = "a", .value = "1"}, nullptr, {});
  const Native native(path());
  const std::string seq = native.query("SELECT seq FROM sqlq_jobs").at(0);
  EXPECT_EQ(native.exec("DELETE FROM sqlq_jobs"), SQLITE_OK);
  const JobId next = client.enqueue(NewJob{.kind = "k"}).id;
  EXPECT_EQ(native.query("SELECT seq FROM sqlq_jobs").at(0), seq) << "the case that this is about";
  EXPECT_TRUE(steps.read_steps(next, nullptr).empty());
}

}  // namespace
}  // namespace sqlq::sqlite
