/// \file
/// schema, queue and stats on each database.

#include <string>

#include "jobs.hpp"
#include "process/place.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

using process::mariadb_place;
using process::mysql_place;
using process::postgres_place;
using process::sqlite_place;

class SteeringEverywhere : public WithJobs<ProgramOn<process::Anywhere>> {};
SQLQ_PLACES(SteeringEverywhere, SQLQ_EVERYWHERE);

TEST_P(SteeringEverywhere, TheSchemaIsMadeLookedAtAndDropped) {
  static_cast<void>(sqlq::open(this->url()));  // where it is a file, it is there now
  EXPECT_EQ(sqlq({"schema", "status", "--exit-code"}).code, 4);
  EXPECT_EQ(sqlq({"stats"}).code, 4);
  const int latest = json({"schema", "up"})["current"];
  EXPECT_EQ(json({"schema", "status"})["state"], "current");
  EXPECT_EQ(json({"schema", "check"}), nlohmann::json::array());
  const Result printed = sqlq({"schema", "sql", "--from", std::to_string(latest), "--to", "0"});
  EXPECT_EQ(printed.out, Migrator{db()}.sql(latest, 0));
  EXPECT_EQ(sqlq({"schema", "down", "--to", std::to_string(latest - 1), "--yes"}).code, 0);
  EXPECT_EQ(sqlq({"schema", "status", "--exit-code"}).code, 4);
  EXPECT_EQ(sqlq({"schema", "check"}).code, 4);
  EXPECT_EQ(sqlq({"schema", "drop", "--yes"}).code, 0);
  EXPECT_EQ(json({"schema", "status"})["state"], "missing");
}

TEST_P(SteeringEverywhere, QueuesOfAnyNameAreSteeredAndPurged) {
  const JobId failed = fail("k", hostile, {.queue = hostile_name});
  const JobId waits = enqueue("k", {.queue = hostile_name});
  EXPECT_EQ(sqlq({"queue", "pause", hostile_name}).code, 0);
  EXPECT_EQ(sqlq({"queue", "limit", hostile_name, "2"}).code, 0);
  const nlohmann::json stats = json({"stats"});
  ASSERT_EQ(stats.size(), 1U);
  EXPECT_EQ(stats[0]["queue"], hostile_name);
  EXPECT_EQ(stats[0]["errored"], 1);
  EXPECT_EQ(stats[0]["pending"], 1);
  EXPECT_EQ(stats[0]["waiting"], 0);
  EXPECT_EQ(stats[0]["limit"], 2);
  EXPECT_EQ(stats[0]["paused"], true);
  EXPECT_EQ(json({"stats", "--by", "error"}).size(), 1U);
  const Result table = sqlq({"stats", "--by", "error"});
  EXPECT_TRUE(harmless(table.out)) << table.out;
  EXPECT_EQ(json({"queue", "purge", hostile_name, "--yes"})["deleted"], 1);
  EXPECT_FALSE(client().find(failed));
  EXPECT_TRUE(client().find(waits));
}

/// Their keys let them in while the worker of the program runs.
TEST_P(SteeringEverywhere, AWorkerThatEndsWhenAllIsDoneDoesJobsWithKeys) {
  EXPECT_EQ(sqlq({"schema", "up"}).code, 0);
  EXPECT_EQ(sqlq({"queue", "limit-keys", "mail", "--concurrency", "1"}).code, 0);
  for (const char* key : {"a", "b", "a", "c", "a"}) {
    EXPECT_EQ(sqlq({"job", "enqueue", "greet", "{}", "--queue", "mail", "--key", key}).code, 0);
  }
  EXPECT_EQ(sqlq({"work", "--queue", "mail", "--once", "--", "true"}).code, 0);
  const Result drained = sqlq({"work", "--queue", "mail", "--drain", "--", "true"});
  EXPECT_EQ(drained.code, 0) << drained.err;
  EXPECT_EQ(json({"stats"})[0]["waiting"], 0);
  EXPECT_EQ(json({"stats"})[0]["success"], 5);
  EXPECT_EQ(sqlq({"queue", "shut-key", "mail", "a"}).code, 0);
  EXPECT_EQ(sqlq({"job", "enqueue", "greet", "{}", "--queue", "mail", "--key", "a"}).code, 0);
  EXPECT_EQ(sqlq({"work", "--queue", "mail", "--once", "--", "true"}).code, 5) << "nobody may let it in";
}

}  // namespace
}  // namespace sqlq::program
