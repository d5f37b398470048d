// The names of workers, to which jobs refer by number: those that no job refers to go, and no others.

#include <string>
#include <vector>

#include "backends/mysql_fixture.hpp"
#include "names.hpp"

namespace sqlq::mysql {
namespace {

using NameList = std::vector<std::string>;

class MysqlNames : public OnServer {
 protected:
  /// More than a round leaves alone, of workers that do not run.
  MysqlNames() {
    std::string rows;
    for (std::size_t i = 0; i < NameSweep::few; ++i) {
      rows += (rows.empty() ? "('gone " : ", ('gone ") + std::to_string(i) + "', 0)";
    }
    native_.exec("INSERT INTO sqlq_workers (name, asleep_us) VALUES " + rows);
  }

  /// A step of the round: a purge that finds nothing to delete.
  static void step(const Database& db) { EXPECT_EQ(db.dialect().purge(100, {}).deleted, 0u); }
  void step() { step(db_); }
  /// From the names put to sleep to the end of a round, for few jobs.
  void round() {
    step();
    step();
  }
  JobId enqueue() { return Client(db_).enqueue(NewJob{.kind = "k"}).id; }
  [[nodiscard]] NameList names() const { return native_.query("SELECT name FROM sqlq_workers ORDER BY name"); }
  [[nodiscard]] std::int64_t asleep(const std::string& name) const {
    return native_.number("SELECT COALESCE(asleep_us, -1) FROM sqlq_workers WHERE name = '" + name + "'");
  }
  void name_worker(JobId job, const std::string& name) {
    native_.exec("UPDATE sqlq_jobs SET worker_id = (SELECT id FROM sqlq_workers WHERE name = '" + name +
                 "') WHERE id = UNHEX(REPLACE('" + job.to_string() + "', '-', ''))");
  }
  [[nodiscard]] std::string worker_of(JobId job) const { return Client(db_).find(job)->worker; }

  Database db_ = open_migrated();
  Native native_{url()};
};

TEST_P(MysqlNames, OnlyThoseStayThatJobsReferTo) {
  const JobId one = enqueue(), two = enqueue();
  enqueue();
  name_worker(one, "gone 7");
  name_worker(two, "gone 99");
  round();
  EXPECT_EQ(names(), (NameList{"gone 7", "gone 99"}));
  EXPECT_EQ(worker_of(one), "gone 7");
  EXPECT_EQ(worker_of(two), "gone 99");
}

TEST_P(MysqlNames, AFewAreLeftAlone) {
  native_.exec("DELETE FROM sqlq_workers WHERE name = 'gone 5'");
  round();
  EXPECT_EQ(names().size(), NameSweep::few - 1);
}

TEST_P(MysqlNames, ThoseThatRunAndThoseOfTheVersionBeforeStay) {
  native_.exec("INSERT INTO sqlq_workers (name) VALUES ('old')");
  native_.exec("INSERT INTO sqlq_workers (name, asleep_us) VALUES ('runs', 0)");
  db_.dialect().workers()->announce_worker({.name = "runs", .id = 1}, Duration(0), {});
  step();
  EXPECT_EQ(asleep("runs"), 0);
  EXPECT_EQ(asleep("old"), -1);
  EXPECT_GT(asleep("gone 1"), 0);
  step();
  EXPECT_EQ(names(), (NameList{"old", "runs"}));
}

TEST_P(MysqlNames, AClaimUnderWayKeepsItsName) {
  const JobId job = enqueue();
  ByHand hand(options());
  ASSERT_EQ(hand.claim(1).jobs.size(), 1u);
  round();
  EXPECT_EQ(names(), NameList{"by hand"});
  hand.connection().commit();
  EXPECT_EQ(worker_of(job), "by hand");
}

TEST_P(MysqlNames, AClaimWakesItsNameInTheMiddleOfARound) {
  native_.exec("INSERT INTO sqlq_workers (name, asleep_us) VALUES ('by hand', 0)");
  step();
  ASSERT_GT(asleep("by hand"), 0);
  const JobId job = enqueue();
  ByHand hand(options());
  ASSERT_EQ(hand.claim(1).jobs.size(), 1u);
  hand.connection().commit();
  EXPECT_EQ(asleep("by hand"), 0);
  step();
  EXPECT_EQ(names(), NameList{"by hand"});
  EXPECT_EQ(worker_of(job), "by hand");
}

// It has looked the number up, stood still for the whole round, and goes on.
TEST_P(MysqlNames, NobodyRefersToANameThatSleepsOrIsGone) {
  enqueue();
  ByHand hand(options());
  const auto claim = [&](std::int64_t number) {
    const std::vector<std::int64_t> seqs{native_.number("SELECT MAX(seq) FROM sqlq_jobs")};
    const sql::List list{.width = 1, .values = {seqs.begin(), seqs.end()}};
    const Schema schema(options());
    return hand.connection().session().execute(
        schema.queries.claim, {{"token", 5}, {"worker", number}, {"now", 1}, {"steady", 1}, {"seqs", list}});
  };
  const std::int64_t number = native_.number("SELECT id FROM sqlq_workers WHERE name = 'gone 3'");
  step();
  EXPECT_EQ(claim(number), 0u);
  step();
  EXPECT_EQ(names(), NameList{});
  EXPECT_EQ(claim(number), 0u);
  EXPECT_EQ(Client(db_).claim().size(), 1u);
}

TEST_P(MysqlNames, OneProcessAtATimeAndOneRoundADay) {
  const JobId job = enqueue();
  name_worker(job, "gone 3");
  const Database other = backend::open(url());
  step();
  const std::int64_t since = asleep("gone 3");
  step(other);
  step(other);
  EXPECT_EQ(asleep("gone 3"), since);
  step();
  EXPECT_EQ(names(), NameList{"gone 3"});
  round();
  EXPECT_EQ(asleep("gone 3"), since) << "it is asked again tomorrow";
}

TEST_P(MysqlNames, ARoundThatNobodyEndedIsBegunAnewTheNextDay) {
  native_.exec("UPDATE sqlq_workers SET asleep_us = 1");
  round();
  EXPECT_EQ(names(), NameList{});
}

SQLQ_MYSQL_PLACES(MysqlNames);

}  // namespace
}  // namespace sqlq::mysql
