// Transactions on the storage in memory, where they differ from a real database's: nobody waits for them.

#include <string>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/testing/memory_storage.hpp>

#include "support/expect_error.hpp"

namespace sqlq::testing {
namespace {

class Connection : public ::testing::Test {
 protected:
  Connection() { db.migrate(); }
  NewJob job(const std::string& key = {}) {
    NewJob made{.kind = "work"};
    if (!key.empty()) made.options.unique_key = key;
    return made;
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  MemoryStorage storage{};
  Database db = storage.open({.clock = clock});
  Client client{db};
  MemoryConnection mine{storage};
  MemoryConnection yours{storage};
};

TEST_F(Connection, TwoTransactionsThatDoNotMeetAreBothCommitted) {
  mine.begin();
  yours.begin();
  const JobId first = client.enqueue(mine.tx(), job("a")).id;
  const JobId second = client.enqueue(yours.tx(), job("b")).id;
  const JobId third = client.enqueue(job()).id;
  yours.commit();
  mine.commit();
  for (const JobId id : {first, second, third}) EXPECT_TRUE(client.find(id));
}

TEST_F(Connection, OfTwoThatMeetTheSecondMustBeRunAgain) {
  mine.begin();
  yours.begin();
  EXPECT_TRUE(client.enqueue(mine.tx(), job("a")).inserted());
  const JobId other = client.enqueue(mine.tx(), job()).id;
  EXPECT_TRUE(client.enqueue(yours.tx(), job("a")).inserted());
  yours.commit();
  expect_error(Errc::retry_transaction, "run it again", [&] { mine.commit(); });
  EXPECT_FALSE(mine.in_transaction());
  EXPECT_FALSE(client.find(other)) << "nothing of it is left";
  mine.begin();
  EXPECT_FALSE(client.enqueue(mine.tx(), job("a")).inserted());
  mine.commit();
}

TEST_F(Connection, ACompletionWhoseLeaseWasTakenMeanwhileIsNotCommitted) {
  const JobId id = client.enqueue(job()).id;
  const Job held = client.claim_one("default").value();
  mine.begin();
  EXPECT_EQ(client.success(mine.tx(), held), FinishStatus::applied);
  clock->advance(held.keepalive);
  EXPECT_EQ(client.reap().returned, std::vector<JobId>{id});
  expect_error(Errc::retry_transaction, "run it again", [&] { mine.commit(); });
  EXPECT_EQ(client.find(id)->state, JobState::pending);
}

TEST_F(Connection, WhatTheCallerPassedMayBeGoneAtTheCommit) {
  mine.begin();
  JobId id;
  {
    const NewJob brief{.kind = std::string(40, 'k'), .params = '"' + std::string(100, 'p') + '"'};
    id = client.enqueue(mine.tx(), brief).id;
  }
  mine.commit();
  EXPECT_EQ(client.find(id)->kind, std::string(40, 'k'));
  EXPECT_EQ(client.find(id)->params, '"' + std::string(100, 'p') + '"');
}

TEST_F(Connection, OneLeftOpenIsRolledBack) {
  JobId id;
  {
    MemoryConnection brief{storage};
    brief.begin();
    id = client.enqueue(brief.tx(), job()).id;
  }
  EXPECT_FALSE(client.find(id));
}

TEST_F(Connection, MisuseIsSaid) {
  expect_error(Errc::misuse, "begin first", [&] { mine.commit(); });
  expect_error(Errc::misuse, "begin first", [&] { mine.rollback(); });
  mine.begin();
  expect_error(Errc::misuse, "commit or roll back", [&] { mine.begin(); });
}

}  // namespace
}  // namespace sqlq::testing
