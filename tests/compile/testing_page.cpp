// docs/testing.md: its tests, as its readers would have them. They are run.

#include <atomic>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>
#include <sqlq/testing/memory_storage.hpp>

using namespace std::chrono_literals;

struct Remind {
  static constexpr std::string_view kind = "remind";
  std::string who;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Remind, who)
};

/// The code under test: a handler that calls somebody, who answers or does not.
struct Phone {
  bool answers = true;
  std::vector<std::string> called{};
};

sqlq::Handlers handlers(Phone& phone) {
  sqlq::Handlers table;
  table.on<Remind>(
      [&phone](const Remind& remind) {
        phone.called.push_back(remind.who);
        if (!phone.answers) throw std::runtime_error("no answer");
      },
      {.retry = sqlq::RetryPolicy::exponential(1min, 1h)});
  return table;
}

/// The code under test: it places an order, and has the customer reminded.
void place_order(sqlq::Client client, const std::string& customer) {
  client.enqueue(Remind{customer}, {.queue = "calls", .delay = 24h, .unique_key = "remind-" + customer});
}

TEST(Reminder, IsTriedAgainAfterAMinute) {
  Phone phone{.answers = false};
  sqlq::testing::Harness q{"sqlite::memory:", handlers(phone)};  // a worker without threads; its clock stands still
  const sqlq::JobId bob = q.client().enqueue(Remind{"bob"}, {.delay = 10min}).id;

  EXPECT_EQ(q.work_due(), 0u);  // runs what is due, here, and says how many executions there were
  q.advance(10min);
  EXPECT_EQ(q.work_due(), 1u);
  EXPECT_EQ(q.client().find(bob)->state, sqlq::JobState::scheduled);
  EXPECT_EQ(q.admin().history(bob).at(0).message, "no answer");

  phone.answers = true;
  q.advance(59s);
  EXPECT_EQ(q.work_due(), 0u);
  q.advance(1s);
  EXPECT_EQ(q.work_due(), 1u);
  EXPECT_EQ(q.client().find(bob)->state, sqlq::JobState::success);
}

TEST(Reminder, IsGivenUpAfterThreeAttempts) {
  Phone phone{.answers = false};
  sqlq::testing::Harness q{"sqlite::memory:", handlers(phone)};
  const sqlq::JobId eve = q.client().enqueue(Remind{"eve"}, {.max_attempts = 3}).id;
  q.work_for(24h);  // lets a day pass, and stops wherever something is due
  EXPECT_EQ(phone.called.size(), 3u);
  EXPECT_EQ(q.client().find(eve)->state, sqlq::JobState::errored);
}

TEST(Order, HasTheCustomerRemindedOnce) {
  const sqlq::Database db = sqlq::testing::MemoryStorage{}.open();
  db.migrate();
  place_order(sqlq::Client{db}, "ada");
  place_order(sqlq::Client{db}, "ada");

  const auto jobs = sqlq::Admin{db}.list({.queues = {"calls"}});
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].kind, "remind");
  EXPECT_EQ(sqlq::codec<Remind>::decode(jobs[0].params).who, "ada");
  EXPECT_EQ(jobs[0].run_at - jobs[0].created_at, 24h);
}

TEST(Order, LeavesNothingBehindWhenItIsRolledBack) {
  sqlq::testing::MemoryStorage storage;
  const sqlq::Database db = storage.open();
  db.migrate();
  sqlq::testing::MemoryConnection mine{storage};  // stands for your own connection
  mine.begin();
  sqlq::Client{db}.enqueue(mine.tx(), Remind{"ada"});
  mine.rollback();
  EXPECT_TRUE(sqlq::Admin{db}.list({}).empty());
}

TEST(Reminder, RunsInARealWorkerToo) {
  const sqlq::Database db = sqlq::testing::MemoryStorage{}.open();  // or sqlq::open(...): a file, a server
  db.migrate();
  std::atomic<int> calls = 0;
  sqlq::Handlers table;
  table.on<Remind>([&](const Remind&) { ++calls; });
  sqlq::Worker worker{db, table, {.concurrency = 4}};
  worker.start();
  sqlq::Client client{db};
  const auto job = client.wait(client.enqueue(Remind{"ada"}).id, 30s);  // until it has ended, 30 s at most
  ASSERT_TRUE(job);
  EXPECT_EQ(job->state, sqlq::JobState::success);
  worker.stop({.limit = 5s});
  EXPECT_EQ(calls, 1);
}
