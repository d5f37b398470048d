// Making queues and lanes on first use.

#include <string>
#include <thread>
#include <vector>

#include "backends/mysql_fixture.hpp"

namespace sqlq::mysql {
namespace {

class MysqlLanes : public OnServer {
 protected:
  MysqlLanes() { static_cast<void>(open_migrated()); }

  static std::vector<sql::LaneName> lanes(int first, int last) {
    std::vector<sql::LaneName> names;
    for (int i = first; i < last; ++i) {
      names.push_back({"q" + std::to_string(i), "a"});
      names.push_back({"q" + std::to_string(i), "b"});
    }
    return names;
  }
  /// Statements of a sort that the session has run.
  static std::int64_t count(sql::Session& session, const std::string& what) {
    const sql::Catalogue catalogue("-- name: count\n-- returns: name text, value text\nSHOW SESSION STATUS LIKE '" +
                                   what + "'\n");
    std::int64_t n = 0;
    session.execute(catalogue["count"], {}, [&](const sql::Row& row) { n = std::stoll(std::string(row.text(1))); });
    return n;
  }
  [[nodiscard]] std::int64_t number(const std::string& what) const { return Native(url()).number("SELECT " + what); }
};

TEST_P(MysqlLanes, ManyNewOnesTakeFewStatements) {
  ByHand one(options());
  sql::Session& session = one.connection().session();
  const std::int64_t before = count(session, "Com_insert");
  one.server().make_lanes(one.work(), lanes(0, 1000));
  EXPECT_EQ(count(session, "Com_insert") - before, 8);  // 2000 lanes, 250 of their queues a piece
  EXPECT_EQ(number("COUNT(*) FROM sqlq_queues"), 1000);
  EXPECT_EQ(number("COUNT(*) FROM sqlq_lanes l JOIN sqlq_queues q ON q.id = l.queue_id AND q.name = l.queue"), 2000);
}

TEST_P(MysqlLanes, ThoseThatAreThereUseNoNumbers) {
  ByHand one(options());
  one.server().make_lanes(one.work(), lanes(0, 10));
  const std::int64_t before = count(one.connection().session(), "Com_insert");
  one.server().make_lanes(one.work(), lanes(0, 10));
  EXPECT_EQ(count(one.connection().session(), "Com_insert"), before);
  one.server().make_lanes(one.work(), lanes(5, 15));
  EXPECT_EQ(number("COUNT(*) FROM sqlq_queues"), 15);
  EXPECT_EQ(number("MAX(id) FROM sqlq_lanes"), 30);
}

TEST_P(MysqlLanes, ManyWhoMakeTheSameOnesMakeEachOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([this, t] {
      const Database db = backend::open(url());
      std::vector<NewJob> jobs;
      for (int i = 50 * t; i < 50 * t + 400; ++i) {
        jobs.push_back({.kind = "k", .options = {.queue = "q" + std::to_string(i)}});
      }
      for (const Enqueued& one : Client(db).enqueue_many(jobs)) EXPECT_TRUE(one.inserted());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(number("COUNT(*) FROM sqlq_queues"), 650);
  EXPECT_EQ(number("COUNT(*) FROM sqlq_lanes"), 650);
  EXPECT_EQ(number("COUNT(*) FROM sqlq_jobs"), 2400);
}

SQLQ_MYSQL_PLACES(MysqlLanes);

}  // namespace
}  // namespace sqlq::mysql
