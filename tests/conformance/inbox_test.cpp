// A table into which anybody may insert jobs.

#include <atomic>
#include <thread>

#include <sqlq/conformance/suite.hpp>

#include <sqlq/stop_token.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using backend::EnqueueItem, backend::InboxItem, backend::InboxRow;

std::int64_t rows_in(UserConnection& user) { return user.query_int("SELECT COUNT(*) FROM sqlq_inbox WHERE n > 0"); }

/// A worker that takes rows and counts what it runs.
class Taker {
 public:
  explicit Taker(const Database& db) : worker_(db, counted(), {.concurrency = 16}) {}

  /// Waits, in real time and not for ever, until it has run so many jobs and so many rows wait.
  [[nodiscard]] bool has(std::size_t runs, UserConnection& user, std::int64_t rows = 0) const {
    const SteadyPoint until = system_clock()->steady() + 60s;
    while (runs_ != runs || rows_in(user) != rows) {
      if (system_clock()->steady() > until) {
        for (const std::string& event : worker_.events()) ADD_FAILURE() << event;
        return false;
      }
      std::this_thread::yield();
    }
    return true;
  }

 private:
  Handlers counted() {
    Handlers handlers;
    handlers.on("work", [this](JobContext&) { ++runs_; });
    return handlers;
  }

  std::atomic<std::size_t> runs_{0};
  QuietWorker worker_;
};

EnqueueItem work_item(JobId id) {
  EnqueueItem item{.id = id, .fresh_id = true, .queue = "default", .kind = "work", .params = "null"};
  item.keepalive = 30s;
  return item;
}

std::vector<Job> all_jobs(const Admin& admin) { return admin.list({}, {.limit = 1000}); }

}  // namespace

TEST_P(Inbox, IsThereWhenItIsDeclared) { EXPECT_EQ(dialect().inbox() != nullptr, capabilities().inbox); }

TEST_P(Inbox, ARowBecomesAJob) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  const auto connection = user();
  connection->execute(R"(INSERT INTO sqlq_inbox (kind, params) VALUES ('work', '{"n":1}'))");
  const Taker taker{db()};
  ASSERT_TRUE(taker.has(1, *connection));
  const std::vector<Job> jobs = all_jobs(admin());
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_TRUE(reaches(jobs[0].id, JobState::success));
  const Job& job = jobs[0];
  EXPECT_EQ(job.queue, "default");
  EXPECT_EQ(job.kind, "work");
  EXPECT_EQ(job.params, R"({"n":1})");
  EXPECT_EQ(job.priority, 10);
  EXPECT_EQ(job.max_attempts, 25);
  EXPECT_EQ(job.max_crashes, 3);
  EXPECT_EQ(job.keepalive, 30s);
}

TEST_P(Inbox, EachColumnSaysWhatItsOptionSays) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  const auto connection = user();
  connection->execute(
      "INSERT INTO sqlq_inbox (kind, params, queue, priority, run_at, unique_key, max_attempts, timeout_s, headers,"
      " job_id) VALUES ('work', '[1,\"\xC3\xA4\"]', 'q', -3, '2090-01-02 03:04:05', 'key', 7, 90, '{\"a\":\"b\"}',"
      " '019b0000-0000-7000-8000-000000000001')");
  const Taker taker{db()};
  ASSERT_TRUE(taker.has(0, *connection)) << "it is not due";
  const auto found = admin().find(JobId::parse("019b0000-0000-7000-8000-000000000001").value());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, JobState::scheduled);
  EXPECT_EQ(found->params, "[1,\"\xC3\xA4\"]");
  EXPECT_EQ(found->queue, "q");
  EXPECT_EQ(found->priority, -3);
  const auto meant = TimePoint(std::chrono::sys_days(std::chrono::year(2090) / 1 / 2) + 3h + 4min + 5s);
  EXPECT_LT(std::chrono::abs(found->run_at - meant), 24h) << "some databases take it as of the session's zone";
  EXPECT_EQ(found->unique_key, "key");
  EXPECT_EQ(found->max_attempts, 7);
  EXPECT_EQ(found->timeout, 90s);
  EXPECT_EQ(found->headers, (Headers{{"a", "b"}}));
}

TEST_P(Inbox, ARowIsThereOnceItsTransactionIsCommitted) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  const auto connection = user();
  connection->begin();
  connection->execute("INSERT INTO sqlq_inbox (kind) VALUES ('work')");
  connection->rollback();
  connection->begin();
  connection->execute("INSERT INTO sqlq_inbox (kind, params) VALUES ('work', '2')");
  connection->commit();
  const Taker taker{db()};
  ASSERT_TRUE(taker.has(1, *connection));
  ASSERT_EQ(all_jobs(admin()).size(), 1u);
  EXPECT_EQ(all_jobs(admin()).at(0).params, "2");
}

TEST_P(Inbox, ARowThatIsNoJobBecomesAnErroredOneAndHarmsNoOther) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  const auto connection = user();
  const std::string into = "INSERT INTO sqlq_inbox ";
  const std::string secret = "a-secret";
  connection->execute(into + "(kind) VALUES ('work')");
  const std::vector<std::string> bad{
      "(kind, params) VALUES ('work', '{" + secret + "')",
      "(kind) VALUES ('')",
      "(kind, queue) VALUES ('work', '')",
      "(kind, max_attempts) VALUES ('work', 0)",
      "(kind, timeout_s) VALUES ('work', -1)",
      "(kind, headers) VALUES ('work', '[\"" + secret + "\"]')",
      "(kind, headers) VALUES ('work', '{\"sqlq-tick\":\"1\"}')",
      "(kind, job_id) VALUES ('work', '" + secret + "')",
      "(kind, unique_key) VALUES ('work', '')",
  };
  for (const std::string& values : bad) connection->execute(into + values);
  connection->execute(into + "(kind) VALUES ('work')");
  const Taker taker{db()};
  ASSERT_TRUE(taker.has(2, *connection)) << "innocents";
  std::size_t errored = 0;
  for (const Job& job : all_jobs(admin())) {
    if (job.state != JobState::errored) continue;
    ++errored;
    const std::vector<AttemptRecord> history = admin().history(job.id);
    ASSERT_EQ(history.size(), 1u);
    EXPECT_EQ(history[0].cause, Cause::failed);
    EXPECT_TRUE(history[0].message.starts_with("a row of the inbox is no job: ")) << history[0].message;
    EXPECT_EQ(history[0].message.find(secret), std::string::npos) << history[0].message;
    EXPECT_TRUE(job.kind == "work" || job.kind == "sqlq.inbox") << job.kind;
    EXPECT_EQ(job.queue, "default");
  }
  EXPECT_EQ(errored, bad.size());
}

TEST_P(Inbox, WhatIsNoJsonIsKeptAsAText) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  const auto connection = user();
  connection->execute("INSERT INTO sqlq_inbox (kind, params) VALUES ('work', 'hello \"you\"')");
  const Taker taker{db()};
  ASSERT_TRUE(taker.has(0, *connection));
  EXPECT_EQ(all_jobs(admin()).at(0).params, R"("hello \"you\"")");
}

TEST_P(Inbox, UniqueKeysAndIdsAreThoseOfEnqueue) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  const JobId first = enqueue({.delay = 1h, .unique_key = "key"});
  const auto connection = user();
  connection->execute("INSERT INTO sqlq_inbox (kind, unique_key) VALUES ('work', 'key')");
  connection->execute("INSERT INTO sqlq_inbox (kind, unique_key) VALUES ('work', 'other')");
  connection->execute("INSERT INTO sqlq_inbox (kind, unique_key) VALUES ('work', 'other')");
  connection->execute("INSERT INTO sqlq_inbox (kind, job_id) VALUES ('work', '" + first.to_string() + "')");
  const Taker taker{db()};
  ASSERT_TRUE(taker.has(1, *connection));
  EXPECT_EQ(all_jobs(admin()).size(), 2u);
}

TEST_P(Inbox, ARowThatIsTooLongIsKeptAside) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  const auto connection = user();
  const std::string more(std::size_t{2} << 20, 'x');
  connection->execute("INSERT INTO sqlq_inbox (kind, params) VALUES ('work', '\"" + more + "\"')");
  connection->execute("INSERT INTO sqlq_inbox (kind) VALUES ('work')");
  const Taker taker{db()};
  ASSERT_TRUE(taker.has(1, *connection));
  EXPECT_EQ(connection->query_int("SELECT COUNT(*) FROM sqlq_inbox WHERE n < 0 AND problem LIKE '%too long%'"), 1);
  const backend::Inbox::Counts counts = dialect().inbox()->inbox_counts(10);
  EXPECT_EQ(counts.waiting.value, 0u);
  EXPECT_EQ(counts.kept.value, 1u);
}

TEST_P(Inbox, ManyRowsAreAllTaken) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  const auto connection = user();
  connection->begin();
  for (int i = 0; i < 1000; ++i) connection->execute("INSERT INTO sqlq_inbox (kind) VALUES ('work')");
  connection->commit();
  const backend::Inbox::Counts counts = dialect().inbox()->inbox_counts(10);
  EXPECT_EQ(counts.waiting.value, 10u);
  EXPECT_TRUE(counts.waiting.capped);
  const Taker taker{db()};
  EXPECT_TRUE(taker.has(1000, *connection));
}

TEST_P(Inbox, SeveralTakersMakeOneJobOfEachRow) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  const auto connection = user();
  constexpr int n = 40;
  connection->begin();
  for (int i = 0; i < n; ++i) connection->execute("INSERT INTO sqlq_inbox (kind) VALUES ('work')");
  connection->commit();
  std::vector<Database> handles;
  for (int i = 0; i < 4; ++i) handles.push_back(another());
  std::atomic<int> taken{0};
  std::vector<sqlq::jthread> threads;
  for (Database& handle : handles) {
    threads.emplace_back([&taken, &handle, now = clock().instant()] {
      backend::Inbox& part = *handle.ready().inbox();
      for (;;) {
        const std::vector<InboxRow> rows = part.inbox_rows(0, 7, 1000);
        if (rows.empty()) return;
        std::vector<InboxItem> items;
        for (const InboxRow& row : rows) items.push_back({row.number, work_item(JobId::make(now.wall))});
        for (const auto& answer : part.inbox_take(items, now)) taken += answer.has_value() ? 1 : 0;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(taken, n);
  EXPECT_EQ(all_jobs(admin()).size(), static_cast<std::size_t>(n));
}

TEST_P(Inbox, AReplayOfATakeDoesNothing) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  static_cast<void>(db());
  user()->execute("INSERT INTO sqlq_inbox (kind) VALUES ('work')");
  backend::Inbox& part = *dialect().inbox();
  const std::vector<InboxRow> rows = part.inbox_rows(0, 10, 1000);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_GT(rows[0].number, 0);
  EXPECT_EQ(rows[0].kind, "work");
  EXPECT_FALSE(rows[0].params || rows[0].queue || rows[0].priority || rows[0].run_at || rows[0].odd_run_at);
  EXPECT_TRUE(part.inbox_rows(rows[0].number, 10, 1000).empty());
  const InboxItem item{rows[0].number, work_item(JobId::make(clock().now()))};
  const auto first = part.inbox_take({&item, 1}, clock().instant());
  ASSERT_TRUE(first.at(0));
  EXPECT_TRUE(first[0]->inserted());
  const InboxItem again{rows[0].number, work_item(JobId::make(clock().now()))};
  EXPECT_FALSE(part.inbox_take({&again, 1}, clock().instant()).at(0));
  EXPECT_EQ(all_jobs(admin()).size(), 1u);
}

TEST_P(Inbox, AKeyThatSomebodyIsStoringHoldsUpNoOtherRow) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  SQLQ_NEEDS(database_clock);  // where there is one writer, all wait for it
  static_cast<void>(db());
  const auto storing = user();
  const auto inserting = user();
  storing->begin();
  const Tx tx = storing->tx();
  static_cast<void>(client().enqueue(tx, NewJob{.kind = "work", .options = {.delay = 1h, .unique_key = "key"}}));
  inserting->execute("INSERT INTO sqlq_inbox (kind, unique_key) VALUES ('work', 'key')");
  inserting->execute("INSERT INTO sqlq_inbox (kind, unique_key) VALUES ('work', 'free')");
  inserting->execute("INSERT INTO sqlq_inbox (kind) VALUES ('work')");
  const Taker taker{db()};
  ASSERT_TRUE(taker.has(2, *inserting, 1)) << "innocents";
  storing->commit();
  clock().advance(2s);
  EXPECT_TRUE(taker.has(2, *inserting)) << "a job has its key";
  EXPECT_EQ(all_jobs(admin()).size(), 3u);
}

TEST_P(Inbox, ARunningWorkerIsToldOfRows) {
  SQLQ_NEEDS(inbox);
  SQLQ_NEEDS(borrowed_transactions);
  SQLQ_NEEDS(cross_process_wakeup);
  use_system_clock();
  const auto connection = user();
  const Taker taker{db()};
  static_cast<void>(enqueue());
  ASSERT_TRUE(taker.has(1, *connection)) << "it runs";
  connection->execute("INSERT INTO sqlq_inbox (kind) VALUES ('work')");
  EXPECT_TRUE(taker.has(2, *connection));
}

}  // namespace sqlq::conformance
