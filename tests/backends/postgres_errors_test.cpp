// Errors of the server as classes of trouble: provoked where they can be.

#include <atomic>
#include <thread>

#include <sqlq/admin.hpp>
#include <sqlq/schedule.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/tx.hpp>

#include "backends/postgres_fixture.hpp"
#include "errors.hpp"
#include "platform/pause.hpp"
#include "support/expect_error.hpp"

namespace sqlq::postgres {
namespace {

using testing::error_of;
using testing::expect_error;
using testing::has;

TEST(PostgresErrors, AreClassifiedByTheirSqlstate) {
  const std::vector<std::pair<const char*, Errc>> table = {
      {"40001", Errc::retry_transaction}, {"40P01", Errc::retry_transaction}, {"55P03", Errc::retry_transaction},
      {"23505", Errc::retry_transaction}, {"08006", Errc::connection},        {"08007", Errc::connection},
      {"57P01", Errc::connection},        {"57P02", Errc::connection},        {"57P03", Errc::connection},
      {"40003", Errc::outcome_unknown},   {"25006", Errc::wrong_node},        {"53100", Errc::busy},
      {"53200", Errc::busy},              {"53300", Errc::busy},              {"57014", Errc::busy},
      {"22021", Errc::refused},           {"22P05", Errc::refused},           {"54001", Errc::refused},
      {"23514", Errc::refused},           {"23P01", Errc::refused},           {"23503", Errc::refused},
      {"P0001", Errc::refused},           {"44000", Errc::refused},           {"ZZ001", Errc::refused},
      {"42501", Errc::permission},        {"42P01", Errc::schema},            {"42703", Errc::schema},
      {"3F000", Errc::schema},            {"23502", Errc::schema},            {"XX001", Errc::corrupt},
      {"XX002", Errc::corrupt},           {"XX000", Errc::internal},          {"42601", Errc::internal},
      {"28000", Errc::permission},        {"28P01", Errc::permission},        {"3D000", Errc::configuration},
      {"", Errc::connection},
  };
  for (const auto& [state, code] : table) EXPECT_EQ(to_string(classify(state)), to_string(code)) << state;
}

TEST(PostgresErrors, TheirCodesAreNumbers) {
  EXPECT_EQ(native_code("00001"), 1);
  EXPECT_EQ(native_code("40P01"), ((((4 * 36) + 0) * 36 + 25) * 36 + 0) * 36 + 1);
  EXPECT_EQ(native_code("bad!!"), 0);
}

TEST(PostgresErrors, TextsThatMayQuoteValuesAreLeftOut) {
  const Error e = make_error("22P02", "invalid input syntax for type uuid: \"secret\"", "job_insert");
  EXPECT_FALSE(has(e.what(), "secret"));
  EXPECT_TRUE(has(e.what(), "job_insert"));
  EXPECT_TRUE(has(e.what(), "22P02"));
  for (const char* raised : {"P0001", "45000", "ZZ001", "44000", "22000", "HV000"}) {
    EXPECT_FALSE(has(make_error(raised, "row (secret)", {}).what(), "secret")) << raised;
  }
  EXPECT_TRUE(has(make_error("42501", "permission denied for table x", {}).what(), "denied"));
}

class PostgresTrouble : public PostgresTest {
 protected:
  PostgresTrouble() : native_(url()) {}
  static JobId enqueue(const Database& db, EnqueueOptions options = {}) {
    return Client(db).enqueue(NewJob{.kind = "k", .options = std::move(options)}).id;
  }
  /// A role of its own for this test, dropped with it.
  std::string role(const std::string& attributes) {
    role_ = "sqlq_role_" + std::to_string(::getpid());
    native_.exec("CREATE ROLE " + role_ + " LOGIN " + attributes);
    return role_;
  }
  ~PostgresTrouble() override {
    if (!role_.empty()) native_.exec("DROP OWNED BY " + role_ + "; DROP ROLE " + role_);
  }
  [[nodiscard]] std::string url_of(const std::string& user) const {
    const auto at = url().find('@');
    return "postgresql://" + user + url().substr(at);
  }

  Native native_;

 private:
  std::string role_;
};

TEST_F(PostgresTrouble, AConstraintIsNamedAndItsRowIsNot) {
  const auto db = open();
  native_.exec("ALTER TABLE sqlq_jobs ADD CONSTRAINT no_swearing CHECK (params <> '\"secret\"')");
  const auto message = error_of(
      Errc::refused, [&] { Client(db).enqueue(NewJob{.kind = "k", .params = "\"secret\""}); });
  EXPECT_TRUE(has(message, "no_swearing")) << message;
  EXPECT_TRUE(has(message, "job_insert")) << message;
  EXPECT_FALSE(has(message, "secret")) << message;
}

TEST_F(PostgresTrouble, AUniqueIndexOfTheUsersRefusesAJob) {
  const auto db = open();
  native_.exec("CREATE UNIQUE INDEX once ON sqlq_jobs (params)");
  Client client{db};
  static_cast<void>(client.enqueue(NewJob{.kind = "k", .params = "1"}));
  const auto refused = [&](EnqueueOptions options) {
    std::vector<NewJob> jobs{{.kind = "k", .params = "1", .options = std::move(options)}};
    expect_error(Errc::refused, "index", [&] { static_cast<void>(client.enqueue(jobs.front())); });
    jobs.push_back({.kind = "k", .params = "2"});
    expect_error(Errc::refused, "index", [&] { static_cast<void>(client.enqueue_many(jobs)); });
  };
  refused({});
  refused({.unique_key = "key"});
  refused({.id = JobId::make(system_clock()->now())});
  EXPECT_EQ(Admin(db).counts()[JobState::pending].value, 1U);
  EXPECT_TRUE(client.enqueue(NewJob{.kind = "k", .params = "2", .options = {.unique_key = "key"}}).inserted());
}

TEST_F(PostgresTrouble, AMissingColumnIsATroubleOfTheSchema) {
  const auto db = open();
  enqueue(db);
  native_.exec("ALTER TABLE sqlq_jobs RENAME COLUMN params TO parameters");
  expect_error(Errc::schema, "migrate", [&] { static_cast<void>(Client(db).claim()); });
}

TEST_F(PostgresTrouble, MissingRightsSayWhatToGrant) {
  static_cast<void>(open());
  const std::string user = role("");
  expect_error(Errc::permission, "grant",
               [&] { enqueue(backend::open(url_of(user))); });
}

TEST_F(PostgresTrouble, WhoMayNotComeInIsToldToLookAtTheUrl) {
  expect_error(Errc::permission, "URL",
               [&] { (void)backend::open(url_of("sqlq_nobody_" + std::to_string(::getpid()))); });
  expect_error(Errc::configuration, "database",
               [&] { (void)backend::open(with(server_url(), "sqlq_not_there", "schema=x")); });
}

TEST_F(PostgresTrouble, WhatOnlyAPersonCanMendIsNeverToBeTriedAgain) {
  expect_error(Errc::configuration, "sslmode", [&] { (void)backend::open(url("sslmode=wrong")); });
  expect_error(Errc::configuration, "sslmode",
               [&] { (void)backend::open(url("sslmode=verify-full&sslrootcert=/nowhere/root.crt")); });
  expect_error(Errc::configuration, "sslmode", [&] { (void)backend::open(url("sslmode=require")); });
}

/// Through the pooler of ci/services, which refuses a session's settings.
TEST_F(PostgresTrouble, WhoForgetsThePoolerIsToldSo) {
  const std::string pooler = with(url_in("SQLQ_TEST_PGBOUNCER"), {}, "schema=" + options().schema);
  expect_error(Errc::configuration, "pooled=true", [&] { (void)backend::open(pooler); });
}

TEST_F(PostgresTrouble, WhoWaitsForAStrangersKeyKeepsNobodyElseWaiting) {
  const auto db = open("lock_timeout=10m&statement_timeout=20m&pool_wait=10m");
  enqueue(db);
  native_.exec("BEGIN");
  const NewJob taken{.kind = "k", .options = {.unique_key = "taken"}};
  const JobId holder = Client(db).enqueue(borrow(native_.handle()), taken).id;
  std::atomic<int> waiting{5};
  std::atomic<int> harmed{0};
  std::vector<std::thread> stuck;
  for (int i = 0; i < 5; ++i) {
    stuck.emplace_back([&] {
      EXPECT_EQ(Client(db).enqueue(taken).id, holder);
      --waiting;
    });
  }
  const Native watcher(url());
  EXPECT_TRUE(eventually([&] {
    return watcher.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%" +
                         options().schema + "%' AND pid <> pg_backend_pid()")[0] != "0";
  }));
  {
    std::vector<sqlq::jthread> innocents;
    for (int i = 0; i < 6; ++i) {
      innocents.emplace_back([&, i] {
        try {
          for (int n = 0; n < 10; ++n) {
            enqueue(db);
            enqueue(db, {.unique_key = std::to_string(100 * i + n)});
            enqueue(db, {.id = JobId::make(system_clock()->now())});
          }
        } catch (const Error&) {
          ++harmed;
        }
      });
    }
  }
  EXPECT_EQ(waiting, 5) << "the stranger's transaction is still open";
  EXPECT_EQ(harmed, 0);
  native_.exec("COMMIT");
  for (std::thread& thread : stuck) thread.join();
}

/// As behind a pooler in transaction mode: two programs with different schemas come to one session.
TEST_F(PostgresTrouble, TwoProgramsOnOneSessionNeverRunEachOthersStatements) {
  static_cast<void>(open());
  const std::string other = options().schema + "_other";
  auto db = backend::open(with(server_url(), {}, "schema=" + other));
  db.migrate();
  Client(db).enqueue(NewJob{.kind = "k"});
  const Schema mine(options().schema);
  const Schema theirs(other);
  const Native session(url());
  PgSession first(session.handle(), mine.texts(), PgSession::Plans::kept, std::chrono::seconds(60));
  PgSession second(session.handle(), theirs.texts(), PgSession::Plans::kept, std::chrono::seconds(60));
  const auto pending = [](sql::Session& s, const Schema& schema) {
    return s.integer(schema.catalogue()["count_pending_all"], {{"cap", 10}});
  };
  EXPECT_EQ(pending(first, mine), 0);
  EXPECT_EQ(pending(second, theirs), 1);
  native_.exec("DROP SCHEMA \"" + other + "\" CASCADE");
}

TEST_F(PostgresTrouble, ABorrowedConnectionToAnotherDatabaseIsNamedAsOne) {
  const auto db = open();
  const Native elsewhere(with(server_url(), "template1", {}));
  elsewhere.exec("BEGIN");
  const std::string said =
      error_of(Errc::schema, [&] { Client(db).enqueue(borrow(elsewhere.handle()), NewJob{.kind = "k"}); });
  EXPECT_TRUE(has(said, "your connection leads to another database")) << said;
  elsewhere.exec("ROLLBACK");
}

TEST_F(PostgresTrouble, ANullPointerIsNamedAsOne) {
  const auto db = open();
  expect_error(Errc::invalid_argument, "null pointer",
               [&] { Client(db).enqueue(borrow(nullptr), NewJob{.kind = "k"}); });
  expect_error(Errc::invalid_argument, "null pointer",
               [&] { Client(db).enqueue(Tx(soci_session_type, nullptr), NewJob{.kind = "k"}); });
}

TEST_F(PostgresTrouble, WhereNobodyAnswersTheErrorSaysWhatToDo) {
  const std::string said =
      error_of(Errc::connection, [] { (void)backend::open("postgresql://u@127.0.0.1:1/x"); });
  EXPECT_TRUE(has(said, "cannot connect to 127.0.0.1:1")) << said;
  EXPECT_TRUE(has(said, "see that the server is running") && has(said, "wait=30s")) << said;
  EXPECT_FALSE(has(said, "next call")) << said;
}

TEST_F(PostgresTrouble, OnABorrowedConnectionErrorsSpeakOfItsOwner) {
  const auto db = open();
  Client client(db);
  const NewJob job{.kind = "k"};
  client.enqueue(job);
  native_.exec("BEGIN READ ONLY");
  expect_error(Errc::misuse, "your transaction is read-only", [&] { client.enqueue(borrow(native_.handle()), job); });
  native_.exec("ROLLBACK; BEGIN");
  ASSERT_EQ(PQsendQuery(native_.handle(), "SELECT 1"), 1);
  expect_error(Errc::misuse, "read the answer", [&] { client.enqueue(borrow(native_.handle()), job); });
  while (PGresult* result = PQgetResult(native_.handle())) PQclear(result);
  const Native killer(url());
  kill(killer, "pid = " + native_.query("SELECT pg_backend_pid()")[0]);
  const std::string message = error_of(Errc::connection, [&] { client.enqueue(borrow(native_.handle()), job); });
  EXPECT_TRUE(has(message, "your connection is lost")) << message;
  EXPECT_FALSE(has(message, "connects again")) << message;
  PQreset(native_.handle());
  native_.exec(search_path_of(url()));
}

/// A worker writes the lines of a job that another purges as soon as it has ended.
TEST_F(PostgresTrouble, APurgeLeavesNoLineBehind) {
  const auto db = open();
  constexpr int jobs = 400;
  std::atomic<int> left{jobs};
  {
    std::vector<sqlq::jthread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] {
        Client client(db);
        for (int i = 0; i < jobs / 2; ++i) {
          client.enqueue(NewJob{.kind = "k", .options = {.retention = Duration(0)}});
          for (const Job& job : client.claim()) {
            const LogLine line{.job = job.id, .token = job.lease_token, .claim = job.claims, .attempt = job.attempt,
                               .number = 1, .at = system_clock()->now(), .text = "line"};
            sqlq::jthread writer([&] { db.dialect().append_logs({&line, 1}); });
            client.success(job);
          }
          --left;
        }
      });
      threads.emplace_back([&] {
        while (left > 0) static_cast<void>(db.dialect().purge(100, {}));
      });
    }
  }
  for (const Job& job : Client(db).claim({}, {}, 10)) Client(db).success(job);  // passed over while another looked
  while (db.dialect().purge(1000, {}).deleted > 0) {
  }
  EXPECT_EQ(native_.query("SELECT count(*) FROM sqlq_jobs")[0], "0");
  EXPECT_EQ(native_.query("SELECT count(*) FROM sqlq_logs")[0], "0");
  EXPECT_EQ(native_.query("SELECT count(*) FROM sqlq_history")[0], "0");
}

/// The snapshot with which they find their jobs is older than the line.
TEST_F(PostgresTrouble, ALineThatIsCommittedWhileAJobIsDeletedGoesWithIt) {
  const auto db = open("lock_timeout=60s");
  const std::string key = "hashtext('" + options().schema + "')";
  native_.exec("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(" +
               key + "); RETURN OLD; END $$; CREATE TRIGGER slow BEFORE DELETE ON sqlq_jobs FOR EACH ROW "
               "EXECUTE FUNCTION slow()");
  const std::vector<std::function<void(JobId)>> deletions = {
      [&](JobId) { EXPECT_EQ(db.dialect().purge(10, {}).deleted, 1u); },
      [&](JobId id) { EXPECT_EQ(Admin(db).erase(id), ActionStatus::done); }};
  for (const auto& deletion : deletions) {
    const JobId id = enqueue(db, {.retention = Duration(0)});
    Client(db).success(Client(db).claim().at(0));
    native_.exec("SELECT pg_advisory_lock(" + key + ")");
    {
      const sqlq::jthread deleting([&] { deletion(id); });
      EXPECT_TRUE(eventually([&] {
        return native_.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE '%" +
                             options().schema + "%'")[0] == "1";
      }));
      native_.exec("INSERT INTO sqlq_logs (job_seq, claim, n, at_us, attempt, level, text) "
                   "SELECT seq, 1, 1, 0, 1, 1, 'late' FROM sqlq_jobs");
      native_.exec("SELECT pg_advisory_unlock(" + key + ")");
    }
    EXPECT_EQ(native_.query("SELECT count(*) FROM sqlq_jobs")[0], "0");
    EXPECT_EQ(native_.query("SELECT count(*) FROM sqlq_logs")[0], "0");
  }
}

TEST_F(PostgresTrouble, LinesOfJobsThatWereDeletedByHandAreSwept) {
  const auto db = open();
  Client client(db);
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < 2; ++i) {
    enqueue(db);
    jobs.push_back(client.claim().at(0));
    const LogLine line{.job = jobs[i].id, .token = jobs[i].lease_token, .claim = 1, .attempt = 1, .number = 1,
                       .at = system_clock()->now(), .text = "line"};
    db.dialect().append_logs({&line, 1});
    client.error(jobs[i], "no", {.discard = true});
  }
  native_.exec("DELETE FROM sqlq_jobs WHERE id = '" + jobs[0].id.to_string() + "'");
  Instant now = system_clock()->instant();
  EXPECT_EQ(db.dialect().purge(100, now).deleted, 0u);
  now.steady += std::chrono::hours(2);
  EXPECT_EQ(db.dialect().purge(100, now).deleted, 0u);
  EXPECT_EQ(native_.query("SELECT count(*) FROM sqlq_logs")[0], "1");
  EXPECT_EQ(native_.query("SELECT count(*) FROM sqlq_history")[0], "1");
  EXPECT_EQ(Admin(db).history(jobs[1].id).size(), 1u);
}

TEST_F(PostgresTrouble, ALockHeldTooLongIsGivenUpInTime) {
  const auto db = open("lock_timeout=50ms");
  enqueue(db);
  Client client(db);
  const Job job = client.claim().at(0);
  native_.exec("BEGIN; SELECT 1 FROM sqlq_jobs FOR UPDATE");
  const Duration took = time_of(
      [&] { expect_error(Errc::retry_transaction, "lock_timeout", [&] { client.success(job); }); });
  EXPECT_LT(took, std::chrono::seconds(5));
  native_.exec("ROLLBACK");
  EXPECT_EQ(client.success(job), FinishStatus::applied);
}

TEST_F(PostgresTrouble, AStatementThatTakesTooLongIsBusy) {
  const auto db = open("lock_timeout=30s&statement_timeout=100ms");
  native_.exec("BEGIN; LOCK TABLE sqlq_jobs");
  expect_error(Errc::busy, "statement_timeout", [&] { static_cast<void>(Client(db).claim()); });
  native_.exec("ROLLBACK");
  EXPECT_TRUE(Client(db).claim().empty());
}

TEST_F(PostgresTrouble, ALockedRowKeepsNoOtherLeaseFromBeingRenewed) {
  const auto db = open("lock_timeout=1h&statement_timeout=1h");  // whoever waits for the row, waits for ever
  enqueue(db);
  enqueue(db);
  Client client(db);
  const auto jobs = client.claim({}, {}, 2);
  ASSERT_EQ(jobs.size(), 2u);
  native_.exec("BEGIN; UPDATE sqlq_jobs SET state = 3 WHERE id = '" + jobs[0].id.to_string() + "'");
  const auto before = client.find(jobs[1].id)->heartbeat_at;
  const std::vector<backend::LeaseRef> leases = {{jobs[0].id, jobs[0].lease_token}, {jobs[1].id, jobs[1].lease_token}};
  EXPECT_EQ(db.dialect().heartbeat(leases, {}),
            (std::vector<LeaseStatus>{LeaseStatus::renewed, LeaseStatus::renewed}));
  EXPECT_GT(client.find(jobs[1].id)->heartbeat_at, before);
  native_.exec("COMMIT");
  EXPECT_EQ(db.dialect().heartbeat(leases, {}), (std::vector<LeaseStatus>{LeaseStatus::lost, LeaseStatus::renewed}));
}

// Each lock that a user can hold while others may still take jobs away. Only a lock on all of the jobs table that keeps
// everybody from writing holds up a heartbeat, and then nobody can take a job back either.
TEST_F(PostgresTrouble, NoLockOfAUserHoldsUpAHeartbeat) {
  const auto db = open("lock_timeout=1h&statement_timeout=1h");  // whoever waits, waits for ever
  for (int i = 0; i < 3; ++i) enqueue(db);
  const auto jobs = Client(db).claim({}, {}, 3);
  ASSERT_EQ(jobs.size(), 3u);
  for (const char* lock :
       {"SELECT 1 FROM sqlq_jobs FOR UPDATE", "SELECT 1 FROM sqlq_jobs FOR SHARE",
        "SELECT 1 FROM sqlq_queues FOR UPDATE", "SELECT 1 FROM sqlq_lanes FOR UPDATE",
        "LOCK TABLE sqlq_jobs IN ACCESS SHARE MODE", "LOCK TABLE sqlq_jobs IN ROW SHARE MODE",
        "LOCK TABLE sqlq_jobs IN ROW EXCLUSIVE MODE", "LOCK TABLE sqlq_jobs IN SHARE UPDATE EXCLUSIVE MODE",
        "LOCK TABLE sqlq_history, sqlq_logs IN SHARE MODE",
        "LOCK TABLE sqlq_queues, sqlq_lanes IN ACCESS EXCLUSIVE MODE"}) {
    native_.exec(std::string("BEGIN; ") + lock);
    EXPECT_EQ(Client(db).ping(jobs), std::vector(3, LeaseStatus::renewed)) << lock;
    native_.exec("ROLLBACK");
  }
}

TEST_F(PostgresTrouble, AReadOnlyServerIsTheWrongOne) {
  static_cast<void>(open());
  const std::string user = role("SUPERUSER");
  native_.exec("ALTER ROLE " + user + " SET default_transaction_read_only = on");
  expect_error(Errc::wrong_node, "read-only", [&] { (void)backend::open(url_of(user)); });
  const auto db = backend::open(url_of(user) + "&target_session_attrs=any");
  expect_error(Errc::wrong_node, "primary", [&] { enqueue(db); });
}

TEST_F(PostgresTrouble, AReadOnlyServerTakesNoTransactionEither) {
  const auto primary = open();
  const JobId id = enqueue(primary);
  const std::string user = role("SUPERUSER");
  native_.exec("ALTER ROLE " + user + " SET default_transaction_read_only = on");
  const auto db = backend::open(url_of(user) + "&target_session_attrs=any");
  const auto refused = [](auto call) { expect_error(Errc::wrong_node, "primary", call); };
  refused([&] { (void)Client(db).signal(id, "word", std::string_view("true")); });
  refused([&] { (void)Client(db).enqueue_many(std::vector<NewJob>(3, NewJob{"k"})); });
  refused([&] { (void)Client(db).claim(); });
  refused([&] { Admin(db).create_queue("another", {.concurrency = 1}); });
  refused([&] { (void)Admin(db).cancel(id); });
  refused([&] { (void)Schedules(db).sync({{.name = "a", .rule = "@hourly", .job = {"k"}}}); });
  refused([&] { Migrator(db).teardown(); });
  EXPECT_EQ(Client(primary).find(id).value_or(Job{}).state, JobState::pending);
  EXPECT_EQ(Admin(primary).list({}, {.limit = 10}).size(), 1u);
  EXPECT_TRUE(Schedules(primary).list().empty());
}

TEST_F(PostgresTrouble, ADeadlockIsAbsorbed) {
  const auto db = open("lock_timeout=20s");
  const JobId first = enqueue(db);
  const JobId second = enqueue(db);
  native_.exec("BEGIN; SELECT 1 FROM sqlq_jobs WHERE id = '" + second.to_string() + "' FOR UPDATE");
  std::vector<CancelStatus> answers;
  std::thread cancelling([&] {
    const std::vector<JobId> ids = {first, second};
    answers = db.dialect().cancel(ids, nullptr, {});
  });
  // It holds the first and waits for the second: it waits for longer than we will, so it is the one that gives in.
  const Native watcher(url());
  EXPECT_TRUE(eventually([&] {
    return watcher.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%" +
                         options().schema + "%' AND pid <> pg_backend_pid()")[0] == "1";
  }));
  platform::pause_for(std::chrono::milliseconds(100));
  native_.exec("SELECT 1 FROM sqlq_jobs WHERE id = '" + first.to_string() + "' FOR UPDATE");
  EXPECT_EQ(watcher.query("SELECT state FROM sqlq_jobs WHERE id = '" + first.to_string() + "'")[0], "1");
  native_.exec("COMMIT");
  cancelling.join();
  EXPECT_EQ(answers, (std::vector<CancelStatus>{CancelStatus::cancelled, CancelStatus::cancelled}));
  EXPECT_EQ(Admin(db).history(first).size(), 1u);
}

TEST_F(PostgresTrouble, ASerializationFailureIsTheUsersToRepeat) {
  const auto db = open();
  const JobId id = enqueue(db);
  native_.exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM sqlq_jobs");
  static_cast<void>(Client(db).claim());
  expect_error(Errc::retry_transaction, "40001", [&] { Client(db).cancel(borrow(native_.handle()), id); });
  expect_error(Errc::misuse, "roll it back", [&] { Client(db).cancel(borrow(native_.handle()), id); });
  native_.exec("ROLLBACK");
}

TEST_F(PostgresTrouble, ASnapshotOlderThanTheQueueIsTheUsersToRepeat) {
  const auto db = open();
  const NewJob job{.kind = "new", .options = {.queue = "new"}};
  const auto begin = [&] { native_.exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM sqlq_jobs"); };
  begin();
  expect_error(Errc::retry_transaction, "snapshot", [&] { Client(db).enqueue(borrow(native_.handle()), job); });
  native_.exec("ROLLBACK");
  begin();
  const JobId id = Client(db).enqueue(borrow(native_.handle()), job).id;
  native_.exec("COMMIT");
  EXPECT_TRUE(Client(db).find(id));
}

TEST_F(PostgresTrouble, ABorrowedConnectionMustSpeakUtf8AndBeReady) {
  const auto db = open();
  Client client(db);
  const NewJob job{.kind = "k"};
  native_.exec("SET client_encoding = 'LATIN1'; BEGIN");
  expect_error(Errc::invalid_argument, "UTF8", [&] { client.enqueue(borrow(native_.handle()), job); });
  native_.exec("ROLLBACK; RESET client_encoding; SET client_encoding = 'UTF8'; BEGIN");
  ASSERT_EQ(PQenterPipelineMode(native_.handle()), 1);
  expect_error(Errc::misuse, "pipeline", [&] { client.enqueue(borrow(native_.handle()), job); });
  ASSERT_EQ(PQexitPipelineMode(native_.handle()), 1);
  client.enqueue(borrow(native_.handle()), job);
  native_.exec("COMMIT");
  EXPECT_EQ(client.claim().size(), 1u);
}

TEST_F(PostgresTrouble, UnknownOptionsAndBadValuesListTheRightOnes) {
  expect_error(Errc::invalid_argument, "statement_timeout", [&] { (void)backend::open(url("timeout=5s")); });
  expect_error(Errc::invalid_argument, "lock_timeout", [&] { (void)backend::open(url("lock_timeout=5")); });
  expect_error(Errc::invalid_argument, "read-write", [&] { (void)backend::open(url("target_session_attrs=standby")); });
  expect_error(Errc::invalid_argument, "exclude", [&] { (void)backend::open(url("pooled=true&watch=true")); });
  expect_error(Errc::invalid_argument, "schema", [&] { (void)backend::open(with(server_url(), {}, "schema=")); });
  expect_error(Errc::invalid_argument, "names no server", [&] { (void)backend::open("postgresql:jobs"); });
}

}  // namespace
}  // namespace sqlq::postgres
