// What servers do to their clients: killed connections, deadlocks, waits, refusals.

#include <fcntl.h>

#include <atomic>
#include <filesystem>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <sqlq/worker.hpp>

#include "backends/mysql_fixture.hpp"
#include "backends/postgres_proxy.hpp"
#include "platform/pause.hpp"
#include "trials/faulty_server.hpp"

namespace sqlq::mysql {
namespace {

using namespace std::chrono_literals;

/// One COMMIT goes wrong, once it is told how.
struct AtCommit final : trials::Trips {
  const trials::Fault* fault = nullptr;
  const trials::Fault* next(std::string_view trip) override {
    return trip == "commit" ? std::exchange(fault, nullptr) : nullptr;
  }
};

class MysqlFaults : public OnServer {
 protected:
  MysqlFaults() : db_(open_migrated()), native_(url()) {}

  /// Makes and claims n jobs.
  std::vector<Job> take(std::size_t n) {
    Client client(db_);
    client.enqueue_many(std::vector<NewJob>(n, NewJob{.kind = "work"}));
    return client.claim({}, {}, n);
  }
  [[nodiscard]] std::int64_t jobs_in(const std::string& states) const {
    return native_.number("SELECT COUNT(*) FROM sqlq_jobs WHERE state IN (" + states + ")");
  }

  /// The call's answer; that it waits for a lock is a failure.
  template <class Call>
  static auto at_once(Call call) {
    const auto begin = system_clock()->steady();
    auto answer = call();
    EXPECT_LT(system_clock()->steady() - begin, 1s);
    return answer;
  }

  Database db_;
  Native native_;
};

TEST_P(MysqlFaults, AConnectionCutAroundCommitLosesAndDoublesNothing) {
  AtCommit commit;
  const auto dialect = sql::make_server_dialect(
      std::make_unique<trials::FaultyServer>(std::make_unique<MysqlServer>(options()), commit,
                                             [this](sql::Connection& c) { cut_off(c, native_); }),
      {});
  for (const trials::Effect when : {trials::Effect::cut, trials::Effect::cut_late}) {
    const trials::Fault cut{.name = "connection cut", .effect = when};
    native_.exec("DELETE FROM sqlq_ready");
    for (const char* table : {"jobs", "keys", "scheduled", "claims", "finished"}) {
      native_.exec(std::string("DELETE FROM sqlq_") + table);
    }
    std::vector<backend::EnqueueItem> items;
    for (int i = 0; i < 5; ++i) {
      items.push_back({.id = JobId::make(system_clock()->now()), .queue = "q", .kind = "k", .params = "1",
                       .keepalive = 30s});
    }
    static_cast<void>(dialect->enqueue(std::span(items).first(1), nullptr, {}));  // the lane
    commit.fault = &cut;
    const auto made = dialect->enqueue(items, nullptr, {});
    EXPECT_EQ(commit.fault, nullptr);
    for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(made[i].id, items[i].id);
    EXPECT_EQ(jobs_in("1"), 5);
    EXPECT_EQ(native_.number("SELECT COUNT(*) FROM sqlq_ready"), 5);

    commit.fault = &cut;
    const auto claimed = dialect->claim({.limit = 3, .token = LeaseToken{5}, .worker = "w"});
    EXPECT_EQ(commit.fault, nullptr);
    ASSERT_EQ(claimed.jobs.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(claimed.jobs[i].id, items[i].id);
    EXPECT_EQ(jobs_in("2"), 3);
    EXPECT_EQ(native_.number("SELECT COUNT(*) FROM sqlq_ready"), 2);

    std::vector<backend::Finish> ends;
    for (const Job& job : claimed.jobs) ends.push_back({.id = job.id, .token = job.lease_token});
    ends[2].kind = backend::FinishKind::fail;
    commit.fault = &cut;
    for (const FinishStatus status : dialect->finish(ends, nullptr, {})) EXPECT_TRUE(accepted(status));
    EXPECT_EQ(commit.fault, nullptr);
    EXPECT_EQ(jobs_in("3"), 2);
    EXPECT_EQ(jobs_in("4"), 1);
    EXPECT_EQ(native_.number("SELECT COUNT(*) FROM sqlq_history h JOIN sqlq_jobs j ON j.seq = h.job_seq"), 1);
  }
}

TEST_P(MysqlFaults, CommitOnAKilledConnectionIsUnknown) {
  static_cast<void>(take(1));
  Client(db_).enqueue({.kind = "work"});
  ByHand hand(options());
  ASSERT_EQ(hand.claim(1).jobs.size(), 1u);
  native_.exec("KILL " + hand.id());
  EXPECT_EQ(testing::error_of(Errc::outcome_unknown, [&] { hand.connection().commit(); }).empty(), false);
  EXPECT_FALSE(hand.connection().usable());
  std::size_t claimed = 0;  // the server rolls back when it notices
  for (int i = 0; i < 500 && claimed == 0; ++i) {
    claimed = Client(db_).claim({}, {}, 1).size();
    if (claimed == 0) platform::pause_for(10ms);
  }
  EXPECT_EQ(claimed, 1u);
}

TEST_P(MysqlFaults, AConnectionToAServerThatTakesNoWritesIsGivenUp) {
  ByHand hand(options());
  hand.connection().session().run("SET SESSION TRANSACTION READ ONLY", "test");
  testing::expect_error(Errc::wrong_node, "takes no writes", [&] {
    hand.connection().session().run("DELETE FROM sqlq_workers", "test");
  });
  EXPECT_FALSE(hand.connection().usable());
}

TEST_P(MysqlFaults, IdleConnectionsMayBeKilled) {
  static_cast<void>(take(3));
  const std::string mine = std::to_string(native_.id());
  for (const std::string& id : native_.query("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND "
                                             "id <> " + mine)) {
    native_.exec("KILL " + id);
  }
  EXPECT_EQ(take(1).size(), 1u);
  EXPECT_EQ(Admin(db_).counts().at(JobState::running).value, 4u);
}

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

// A process that is stopped amid a transaction keeps its locks for as long as the server lets it.

TEST_P(MysqlFaults, AStopEndsInTimeThoughTheNetworkIsSilent) {
  Client(db_).enqueue({.kind = "work"});
  const int port = backend::Url::parse(url()).authority().hosts.at(0).second;
  postgres::Proxy proxy(port);
  std::string through = url();
  through.replace(through.find(":" + std::to_string(port)), std::to_string(port).size() + 1,
                  ":" + std::to_string(proxy.port()));
  std::latch running(1), end(1);
  Handlers handlers;
  handlers.on("work", [&](JobContext&) {
    running.count_down();
    end.wait();
    return Outcome::done();
  });
  const auto worker = std::make_unique<Worker>(
      backend::open(through), handlers,
      WorkerOptions{.concurrency = 2, .poll = 10ms, .sweep = 100ms, .on_event = [](const WorkerEvent&) {}});
  worker->start();
  running.wait();
  proxy.freeze();
  end.count_down();
  platform::pause_for(200ms);  // every service asks for something meanwhile
  const SteadyPoint begin = system_clock()->steady();
  worker->stop(2s);
  EXPECT_LT(system_clock()->steady() - begin, 10s) << "an answer is waited for";
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

TEST_P(MysqlFaults, WhoMayNotIsToldWhatToGrant) {
  const std::string name = "reader_of_" + options().database.substr(10);
  native_.exec("CREATE USER " + name + " IDENTIFIED BY 'secret'");
  native_.exec("GRANT SELECT ON *.* TO " + name);
  const std::string as_user = url_of(name + ":secret");
  const Database reader = backend::open(as_user);
  EXPECT_EQ(Admin(reader).counts().at(JobState::pending).value, 0u);
  testing::expect_error(Errc::permission, "grant this user", [&] { Client(reader).enqueue({.kind = "work"}); });
  testing::expect_error(Errc::permission, "check user, password",
                        [&] { static_cast<void>(backend::open(url_of(name + ":wrong-hunter2"))); });
  native_.exec("DROP USER " + name);
}

TEST_P(MysqlFaults, AtTheServersLimitOfConnectionsACallWaits) {
  const std::string name = "limited_" + options().database.substr(10);
  native_.exec("CREATE USER " + name + " IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1");
  native_.exec("GRANT ALL ON *.* TO " + name);
  {
    const std::string as_user = url_of(name + ":secret");
    auto first = std::make_unique<Database>(backend::open(as_user));
    testing::expect_error(Errc::busy, "pool_wait",
                          [&] { static_cast<void>(backend::open(as_user + "&pool_wait=30ms")); });
    std::atomic<bool> begun{false};
    bool inserted = false;
    std::thread second([&] {
      begun = true;
      const Database db = backend::open(as_user + "&pool_wait=60s");
      inserted = Client(db).enqueue({.kind = "work"}).inserted();
    });
    while (!begun) std::this_thread::yield();
    Client(*first).enqueue({.kind = "work"});
    first.reset();
    second.join();
    EXPECT_TRUE(inserted);
  }
  native_.exec("DROP USER " + name);
}

TEST_P(MysqlFaults, ConnectingFailsWithReasons) {
  const std::string server = server_url(GetParam());
  testing::expect_error(Errc::configuration, "create the database",
                        [&] { static_cast<void>(backend::open(server + "/sqlq_no_such_database")); });
  const std::string nobody = server.substr(0, server.rfind(':')) + ":1/db?connect_timeout=1s";
  testing::expect_error(Errc::connection, "connect", [&] { static_cast<void>(backend::open(nobody)); });
  const auto host = server.find("127.0.0.1");
  ASSERT_NE(host, std::string::npos);
  std::string second = url();
  second.insert(host, "127.0.0.1:1,");
  EXPECT_NO_THROW(static_cast<void>(backend::open(second))) << "the second host answers";
}

TEST_P(MysqlFaults, TlsIsUsedWhenTheServerHasIt) {
  const std::string bare = url().substr(0, url().find('?'));
  const bool has_tls = native_.query("SHOW VARIABLES LIKE 'tls_version'").size() == 2 &&
                       (!on_mariadb() || native_.query("SHOW VARIABLES LIKE 'have_ssl'").at(1) == "YES");
  const auto cipher_of = [&](const std::string& url) {
    ByHand hand(Options::from(backend::Url::parse(url)));
    static const sql::Catalogue catalogue(
        "-- name: cipher\n-- returns: name text, value text\nSHOW SESSION STATUS LIKE 'Ssl_cipher'\n");
    std::string cipher;
    hand.connection().session().execute(catalogue["cipher"], {}, [&](const sql::Row& row) { cipher = row.text(1); });
    return cipher;
  };
  EXPECT_EQ(cipher_of(bare + "?tls=off"), "");
  EXPECT_EQ(cipher_of(bare + "?tls=prefer").empty(), !has_tls);
  if (has_tls) {
    EXPECT_NE(cipher_of(bare + "?tls=require"), "");
  } else {
    testing::expect_error(Errc::configuration, "tls", [&] { static_cast<void>(cipher_of(bare + "?tls=require")); });
  }
  // A certificate the server has made for itself is signed by nobody. (Without `ca`, newer client libraries believe it
  // when the server proves that it knows the password: docs/security.md.)
  for (const char* ca : {"/etc/ssl/certs/ca-certificates.crt", "/nowhere/ca.pem"}) {
    testing::expect_error(Errc::configuration, "tls",
                          [&] { static_cast<void>(cipher_of(bare + "?tls=verify&ca=" + ca)); });
  }
}

TEST_P(MysqlFaults, BatchesAreCutToThePacketAndWhatCannotFitIsRefused) {
  Client(db_).enqueue({.kind = "k", .options = {.queue = "q"}});
  ByHand hand(options());
  hand.connection().session().behave({.backslashes = true, .packet = 16'384});
  const std::string params = '"' + std::string(1000, '\'') + '"';
  std::vector<backend::EnqueueItem> items;
  for (int i = 0; i < 100; ++i) {
    items.push_back({.id = JobId::make(system_clock()->now()), .queue = "q", .kind = "k", .params = params,
                     .keepalive = 30s});
  }
  EXPECT_EQ(hand.server().enqueue(hand.work(), items).size(), 100u);
  const std::string large = '"' + std::string(20'000, 'x') + '"';
  items.resize(1);
  items[0].id = JobId::make(system_clock()->now());
  items[0].params = large;
  testing::expect_error(Errc::refused, "max_allowed_packet",
                        [&] { static_cast<void>(hand.server().enqueue(hand.work(), items)); });
  EXPECT_FALSE(hand.connection().session().lost());
  hand.connection().commit();
  EXPECT_EQ(jobs_in("1"), 101);
}

TEST_P(MysqlFaults, AResultAboveThePacketIsRefusedForGoodAndHarmsNobody) {
  const Database db = backend::open(url(), {.limits = {.max_bytes = std::size_t{256} << 20}});
  const auto packet = static_cast<std::size_t>(native_.number("SELECT @@GLOBAL.max_allowed_packet"));
  const std::size_t longest = db.dialect().capabilities().longest_result;
  EXPECT_LE(longest * 2, packet);
  EXPECT_GE(longest * 2, packet - 4096);
  const std::vector<Job> jobs = take(3);
  ASSERT_EQ(jobs.size(), 3u);
  const auto finish = [&](const std::string& result) {
    std::vector<backend::Finish> ends;
    for (const Job& job : jobs) ends.push_back({.id = job.id, .token = job.lease_token});
    ends[1].result = result;
    return db.dialect().finish(ends, nullptr, {});
  };
  testing::expect_error(Errc::refused, "max_allowed_packet", [&] { finish('"' + std::string(packet, 'x') + '"'); });
  EXPECT_EQ(jobs_in("2"), 3) << "nothing was sent";
  for (const FinishStatus status : finish('"' + std::string(longest - 2, '\'') + '"')) {
    EXPECT_EQ(status, FinishStatus::applied) << "what is declared can be stored, whatever its characters";
  }
  EXPECT_EQ(native_.number("SELECT MAX(LENGTH(result)) FROM sqlq_jobs"), static_cast<std::int64_t>(longest));
}

/// The sockets that a program started by this process would inherit.
std::set<std::string> inherited_sockets() {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the descriptor of this loop is among them
    const std::string what = std::filesystem::read_symlink(entry.path(), gone).string();
    if (what.starts_with("socket:") && (::fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC) == 0) {
      found.insert(what);
    }
  }
  return found;
}

TEST_P(MysqlFaults, ProgramsThatHandlersStartInheritNoConnection) {
  const auto before = inherited_sockets();
  EXPECT_FALSE(before.empty()) << "the test's own connection, made by the client library alone";
  const Database other = open_migrated(url_with("pool=2"));
  EXPECT_TRUE(Client(other).enqueue(NewJob{.kind = "k"}).inserted());
  EXPECT_EQ(inherited_sockets(), before);
}

TEST_P(MysqlFaults, TheSettingsOfOwnConnectionsAreOurs) {
  ByHand hand(Options::from(backend::Url::parse(url_with("lock_timeout=3s&statement_timeout=20s"))));
  const std::string isolation = on_mariadb() ? "@@tx_isolation" : "@@transaction_isolation";
  const sql::Catalogue here("-- name: settings\n-- returns: mode text, lock int, meta int, isolation text\n"
                            "SELECT @@sql_mode, @@innodb_lock_wait_timeout, @@lock_wait_timeout, " + isolation + "\n");
  hand.connection().session().execute(here["settings"], {}, [&](const sql::Row& row) {
    EXPECT_EQ(row.text(0), "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION");
    EXPECT_EQ(row.integer(1), 3);
    EXPECT_EQ(row.integer(2), 3);
    EXPECT_EQ(row.text(3), "READ-COMMITTED");
  });
}

TEST_P(MysqlFaults, DoubtfulSettingsAreReported) {
  std::string all;
  for (const std::string& finding : db_.dialect().self_check()) all += finding + "\n";
  const bool safe = native_.query("SHOW GLOBAL VARIABLES LIKE 'innodb_flush_log_at_trx_commit'").at(1) == "1";
  EXPECT_EQ(testing::has(all, "innodb_flush_log_at_trx_commit"), !safe) << all;
}

SQLQ_MYSQL_PLACES(MysqlFaults);

}  // namespace
}  // namespace sqlq::mysql
