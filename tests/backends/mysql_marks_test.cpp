// Claims with marks (sql/marks.hpp), and who holds the snapshot that makes them necessary.

#include "backends/mysql_fixture.hpp"
#include "server.hpp"

namespace sqlq::mysql {
namespace {

using namespace std::chrono_literals;

constexpr Duration slow = 10s;  // one such survey makes marks, and they hold longer than the test takes

class MysqlMarks : public OnServer {
 protected:
  MysqlMarks() : db_(open_migrated()), native_(url()), server_(options()) {
    for (int i = 0; i < 3; ++i) ids_.push_back(enqueue({}));
  }
  JobId enqueue(EnqueueOptions enqueue_options) {
    return Client(db_).enqueue(NewJob{.kind = "k", .options = std::move(enqueue_options)}).id;
  }
  std::vector<JobId> claim(std::size_t n) {
    const auto connection = server_.connect();
    sql::Work work(connection->session(), {}, connection.get());
    const backend::ClaimRequest request{.limit = n, .token = LeaseToken{++token_}, .worker = "w"};
    std::vector<JobId> ids;
    for (const Job& job : server_.claim(work, {.request = request}).jobs) ids.push_back(job.id);
    if (work.begun()) connection->commit();
    return ids;
  }
  /// As if the job before this one had been behind so many others that were taken.
  void mark(std::int64_t seq, std::int64_t since = 0) {
    const std::string number = std::to_string(seq);
    const auto row = native_.query("SELECT lane_id, priority, due_us FROM sqlq_jobs WHERE seq = " + number);
    const std::int64_t lane = std::stoll(row.at(0));
    server_.marks()->surveyed({}, {{.lane = {.id = lane, .queue = "default", .kind = "k"},
                                    .first = {lane, std::stoll(row.at(1)), std::stoll(row.at(2)), seq},
                                    .since = since}},
                              slow);
  }

  Database db_;
  Native native_;
  MysqlServer server_;
  std::int64_t token_ = 100;
  std::vector<JobId> ids_;
};

TEST_P(MysqlMarks, ClaimsLookFromThem) {
  mark(2);
  EXPECT_EQ(claim(1), std::vector{ids_[1]});
  EXPECT_EQ(claim(1), std::vector{ids_[2]});
}

TEST_P(MysqlMarks, AClaimThatComesOutShortEndsThem) {
  mark(2);
  EXPECT_EQ(claim(5), (std::vector{ids_[1], ids_[2]}));
  EXPECT_EQ(claim(5), std::vector{ids_[0]});
}

TEST_P(MysqlMarks, NothingBehindThemMeansLookingEverywhere) {
  mark(3);
  EXPECT_EQ(claim(1), std::vector{ids_[2]});
  EXPECT_EQ(claim(2), (std::vector{ids_[0], ids_[1]}));
}

TEST_P(MysqlMarks, SeveralLanesKeepTheirOrder) {
  Client(db_).enqueue(NewJob{.kind = "other", .options = {.priority = 9}});
  static_cast<void>(claim(1));
  mark(2);
  EXPECT_EQ(claim(2), (std::vector{ids_[1], ids_[2]})) << "the other lane has no mark and is found when they end";
}

TEST_P(MysqlMarks, WhatBecomesDueIsFoundAtOnceAlsoBeforeThem) {
  const JobId urgent = enqueue({.priority = 1, .delay = 1h});
  for (const char* table : {"sqlq_jobs", "sqlq_scheduled"}) {
    native_.exec("UPDATE " + std::string(table) + " SET due_us = due_us - 7200000000 WHERE priority = 1");
  }
  mark(2);
  EXPECT_EQ(claim(1), std::vector{urgent});
  EXPECT_EQ(claim(1), std::vector{ids_[0]}) << "the mark went back to where that one was";
}

TEST_P(MysqlMarks, NothingIsLookedForBeforeTheTimeThatTheyKnow) {
  const JobId forgotten = enqueue({.priority = 1, .delay = 1h});
  for (const char* table : {"sqlq_jobs", "sqlq_scheduled"}) {
    native_.exec("UPDATE " + std::string(table) + " SET due_us = due_us - 7200000000 WHERE priority = 1");
  }
  mark(2, native_.number("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"));
  EXPECT_EQ(claim(1), std::vector{ids_[1]});
  server_.marks()->forget();
  EXPECT_EQ(claim(1), std::vector{forgotten});
}

TEST_P(MysqlMarks, TheDoctorNamesWhoHoldsASnapshot) {
  const Native other(url());
  other.exec("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  other.exec("START TRANSACTION WITH CONSISTENT SNAPSHOT");
  static_cast<void>(other.query("SELECT COUNT(*) FROM sqlq_jobs"));
  const auto connection = server_.connect();
  const auto id = other.number("SELECT CONNECTION_ID()");
  std::vector<std::string> who;
  EXPECT_TRUE(is_seen([&] {
    return native_.number("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = " +
                          std::to_string(id)) == 1;
  }));
  for (const std::int64_t seconds : {0, 60}) {
    const sql::Statement& old_transactions = server_.queries()["old_transactions"];
    connection->session().execute(old_transactions, {{"seconds", seconds}}, [&](const sql::Row& row) {
      if (row.integer(0) != id) return;
      EXPECT_EQ(seconds, 0) << "it is not old yet";
      EXPECT_LT(row.integer(1), 60) << "whatever the time zones are";
      who.emplace_back(row.text(3));
    });
  }
  ASSERT_EQ(who.size(), 1u);
  EXPECT_NE(who[0].find('@'), std::string::npos) << who[0];
}

SQLQ_MYSQL_PLACES(MysqlMarks);

}  // namespace
}  // namespace sqlq::mysql
