// Who waits for whose locks: heartbeats, claims and reaps beside long, half-done and lost transactions.

#include <string>
#include <thread>
#include <vector>

#include "backends/mysql_faults_fixture.hpp"
#include "platform/pause.hpp"

namespace sqlq::mysql {
namespace {

using namespace std::chrono_literals;

TEST_P(MysqlFaults, ADeadlockIsAbsorbed) {
  const std::vector<Job> jobs = take(2);
  std::vector<std::string> seqs = native_.query("SELECT seq FROM sqlq_jobs ORDER BY seq");
  const Native other(url());
  other.exec("CREATE TABLE weight (n INT)");  // who wrote more is not the victim
  other.exec("START TRANSACTION");
  other.exec("INSERT INTO weight SELECT 1 FROM information_schema.columns LIMIT 500");
  other.exec("SELECT seq FROM sqlq_jobs WHERE seq = " + seqs[1] + " FOR UPDATE");
  std::vector<FinishStatus> answers;
  std::thread finisher([&] {
    std::vector<backend::Finish> ends;
    for (const Job& job : jobs) {
      ends.push_back({.id = job.id, .token = job.lease_token, .kind = backend::FinishKind::fail, .message = "x"});
    }
    answers = db_.dialect().finish(ends, nullptr, {});
  });
  const std::string waiting = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND "
                              "trx_query LIKE '%" + options().database + "%'";
  for (int i = 0; i < 400 && native_.number(waiting) == 0; ++i) platform::pause_for(10ms);
  EXPECT_NO_THROW(other.exec("SELECT seq FROM sqlq_jobs WHERE seq = " + seqs[0] + " FOR UPDATE"));
  other.exec("COMMIT");
  finisher.join();
  EXPECT_EQ(answers, (std::vector<FinishStatus>(2, FinishStatus::applied)));
}

TEST_P(MysqlFaults, ALongLockIsWaitedOutAndThenReported) {
  const std::vector<Job> jobs = take(1);
  const Database impatient = backend::open(url_with("lock_timeout=1s&statement_timeout=2s&read_timeout=4s"));
  const Native other(url());
  other.exec("START TRANSACTION");
  other.exec("SELECT seq FROM sqlq_jobs FOR UPDATE");
  testing::expect_error(Errc::retry_transaction, "lock wait", [&] {
    try {
      static_cast<void>(Client(impatient).error(jobs[0], "no"));
    } catch (const Error& e) {
      throw Error(e.code(), e.native_code() == 1205 ? "lock wait" : e.what());
    }
  });
  other.exec("ROLLBACK");
  EXPECT_EQ(Client(impatient).success(jobs[0]), FinishStatus::applied);
}

TEST_P(MysqlFaults, AHeartbeatPassesOverWhatIsLocked) {
  const std::vector<Job> jobs = take(3);
  const std::string beats = "SELECT heartbeat_us FROM sqlq_jobs ORDER BY seq";
  const std::vector<std::string> seqs = native_.query("SELECT seq FROM sqlq_jobs ORDER BY seq");
  const std::vector<std::string> before = native_.query(beats);
  const Native other(url());
  other.exec("START TRANSACTION");
  other.exec("SELECT seq FROM sqlq_jobs WHERE seq = " + seqs[1] + " FOR UPDATE");
  EXPECT_EQ(at_once([&] { return Client(db_).ping(jobs); }), std::vector(3, LeaseStatus::renewed));
  const std::vector<std::string> meanwhile = native_.query(beats);
  EXPECT_NE(meanwhile[0], before[0]);
  EXPECT_EQ(meanwhile[1], before[1]) << "the test has locked another job";
  EXPECT_NE(meanwhile[2], before[2]);
  other.exec("ROLLBACK");
  EXPECT_EQ(Client(db_).ping(jobs), std::vector(3, LeaseStatus::renewed));
  EXPECT_NE(native_.query(beats)[1], before[1]);
}

// Each lock that a user can hold while others may still take jobs away.
TEST_P(MysqlFaults, NoLockOfAUserHoldsUpAHeartbeat) {
  const std::vector<Job> jobs = take(3);
  const Native other(url());
  for (const char* lock :
       {"SELECT seq FROM sqlq_jobs FOR UPDATE", "SELECT seq FROM sqlq_jobs LOCK IN SHARE MODE",
        "SELECT id FROM sqlq_queues FOR UPDATE", "SELECT id FROM sqlq_lanes FOR UPDATE"}) {
    other.exec("START TRANSACTION");
    other.exec(lock);
    EXPECT_EQ(at_once([&] { return Client(db_).ping(jobs); }), std::vector(3, LeaseStatus::renewed)) << lock;
    other.exec("ROLLBACK");
  }
  other.exec("LOCK TABLES sqlq_queues WRITE, sqlq_lanes WRITE, sqlq_logs WRITE, sqlq_history WRITE");
  EXPECT_EQ(at_once([&] { return Client(db_).ping(jobs); }), std::vector(3, LeaseStatus::renewed));
  other.exec("UNLOCK TABLES");
}

TEST_P(MysqlFaults, AHeartbeatTriesAgainWhatWasLockedForAMoment) {
  const std::vector<Job> jobs = take(1);
  const std::string beat = "SELECT heartbeat_us FROM sqlq_jobs";
  const std::int64_t before = native_.number(beat);
  const Native other(url());
  other.exec("START TRANSACTION");
  other.exec("SELECT seq FROM sqlq_jobs LOCK IN SHARE MODE");
  std::thread release([&] {
    platform::pause_for(20ms);
    other.exec("ROLLBACK");
  });
  EXPECT_EQ(Client(db_).ping(jobs), std::vector(1, LeaseStatus::renewed));
  release.join();
  EXPECT_NE(native_.number(beat), before);
}

TEST_P(MysqlFaults, HalfDoneTransactionsOfOthersKeepNobodyFromRenewing) {
  const std::vector<Job> jobs = take(2);
  const std::vector<Job> theirs = take(1);
  Client(db_).enqueue({.kind = "work"});
  ByHand claiming(options()), finishing(options()), enqueueing(options());
  ASSERT_EQ(claiming.claim(1).jobs.size(), 1u);
  const backend::Finish end{.id = theirs[0].id, .token = theirs[0].lease_token, .kind = backend::FinishKind::fail};
  ASSERT_EQ(finishing.server().finish(finishing.work(), {&end, 1}), std::vector(1, FinishStatus::applied));
  const backend::EnqueueItem item{.id = JobId::make(system_clock()->now()), .queue = "default", .kind = "work",
                                  .params = "1", .unique_key = "key", .keepalive = 30s};
  ASSERT_TRUE(enqueueing.server().enqueue(enqueueing.work(), {&item, 1}).at(0).inserted());
  EXPECT_EQ(at_once([&] { return Client(db_).ping(jobs); }), std::vector(2, LeaseStatus::renewed));
  EXPECT_EQ(at_once([&] { return Client(db_).success(jobs[0]); }), FinishStatus::applied);
  EXPECT_EQ(at_once([&] { return Client(db_).error(jobs[1], "no"); }), FinishStatus::applied);
}

TEST_P(MysqlFaults, WhoStopsAmidATransactionLosesItsLocksInTime) {
  const Database db = backend::open(url_with("idle_transaction_timeout=1s"));
  Client(db).enqueue({.kind = "work"});
  ByHand stopped(Options::from(backend::Url::parse(url_with("idle_transaction_timeout=1s"))));
  ASSERT_EQ(stopped.claim(1).jobs.size(), 1u);
  std::size_t claimed = 0;
  const SteadyPoint end = system_clock()->steady() + 10s;
  while (claimed == 0 && system_clock()->steady() < end) {
    platform::pause_for(1100ms);  // longer than its own connections may be idle
    claimed = Client(db).claim({}, {}, 1).size();
  }
  EXPECT_EQ(claimed, 1u);
  EXPECT_THROW(stopped.connection().commit(), Error);
  EXPECT_FALSE(stopped.connection().usable());
}

TEST_P(MysqlFaults, AClaimPassesOverALimitedQueueInWhichAnotherStopped) {
  Admin(db_).create_queue("limited", {.concurrency = 5});
  Client client(db_);
  client.enqueue_many(std::vector<NewJob>(2, NewJob{.kind = "work", .options = {.queue = "limited"}}));
  ByHand first(options());  // makes the lock
  ASSERT_EQ(first.claim(1).jobs.size(), 1u);
  first.connection().commit();
  ByHand stopped(options());
  ASSERT_EQ(stopped.claim(1, LeaseToken{78}).jobs.size(), 1u);
  client.enqueue(NewJob{.kind = "work", .options = {.queue = "limited"}});
  const JobId other = client.enqueue(NewJob{.kind = "work", .options = {.queue = "other"}}).id;
  const std::vector<Job> claimed = at_once([&] { return client.claim({}, {}, 2); });
  ASSERT_EQ(claimed.size(), 1u);
  EXPECT_EQ(claimed[0].id, other);
  stopped.connection().rollback();
  EXPECT_EQ(client.claim({}, {}, 2).size(), 2u);
}

TEST_P(MysqlFaults, TakingBackPassesOverClaimsOfWhichSomebodyEndsALease) {
  const std::vector<Job> theirs = take(2);
  const std::vector<Job> others = take(1);
  native_.exec("UPDATE sqlq_claims SET until_us = 0");
  native_.exec("UPDATE sqlq_jobs SET lease_until_us = 0");
  {
    ByHand finishing(options());
    const backend::Finish end{.id = theirs[0].id, .token = theirs[0].lease_token, .kind = backend::FinishKind::fail};
    ASSERT_EQ(finishing.server().finish(finishing.work(), {&end, 1}), std::vector(1, FinishStatus::applied));
    EXPECT_EQ(at_once([&] { return Client(db_).reap().returned; }), std::vector(1, others[0].id));
  }
  EXPECT_EQ(Client(db_).reap().returned.size(), 2u) << "what was passed over is taken back later";
}

TEST_P(MysqlFaults, WhoHasLostALeaseWaitsForNobodyAndKeepsNobodyWaiting) {
  const std::vector<Job> lost = take(1);
  native_.exec("UPDATE sqlq_claims SET until_us = 0");
  native_.exec("UPDATE sqlq_jobs SET lease_until_us = 0");
  ASSERT_EQ(Client(db_).reap().returned.size(), 1u);
  const std::vector<Job> held = Client(db_).claim({}, {}, 1);
  ASSERT_EQ(held.size(), 1u);
  const backend::Finish late{.id = lost[0].id, .token = lost[0].lease_token, .kind = backend::FinishKind::fail};
  const LogLine line{.job = lost[0].id, .token = lost[0].lease_token, .claim = 1, .attempt = 1, .number = 1};
  {
    ByHand finishing(options()), logging(options());
    ASSERT_EQ(finishing.server().finish(finishing.work(), {&late, 1}), std::vector(1, FinishStatus::stale));
    ASSERT_EQ(logging.server().append_logs(logging.work(), {&line, 1}), std::vector(1, false));
    const std::int64_t before = native_.number("SELECT heartbeat_us FROM sqlq_jobs");
    EXPECT_EQ(at_once([&] { return Client(db_).ping(held); }), std::vector(1, LeaseStatus::renewed));
    EXPECT_NE(native_.number("SELECT heartbeat_us FROM sqlq_jobs"), before) << "who has lost it has locked it";
  }
  const Native other(url());
  other.exec("START TRANSACTION");
  other.exec("SELECT seq FROM sqlq_jobs FOR UPDATE");
  EXPECT_EQ(at_once([&] { return Client(db_).ping(lost); }), std::vector(1, LeaseStatus::lost));
  EXPECT_EQ(at_once([&] { return Client(db_).success(lost[0]); }), FinishStatus::stale);
  EXPECT_EQ(at_once([&] { return Client(db_).error(lost[0], "no"); }), FinishStatus::stale);
  EXPECT_EQ(at_once([&] { return db_.dialect().append_logs({&line, 1}); }), std::vector(1, false));
}

}  // namespace
}  // namespace sqlq::mysql
