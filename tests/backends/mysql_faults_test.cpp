// What servers do to their clients: connections that are cut or silent, writes and batches that are refused.

#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/worker.hpp>

#include "backends/mysql_faults_fixture.hpp"
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

TEST_P(MysqlFaults, AUniqueIndexOfTheUsersRefusesAJob) {
  native_.exec("CREATE UNIQUE INDEX once ON sqlq_jobs (params(20))");
  Client client(db_);
  static_cast<void>(client.enqueue(NewJob{.kind = "k", .params = "1"}));
  const auto refused = [&](EnqueueOptions options) {
    std::vector<NewJob> jobs{{.kind = "k", .params = "1", .options = std::move(options)}};
    testing::expect_error(Errc::refused, "index", [&] { static_cast<void>(client.enqueue(jobs.front())); });
    jobs.push_back({.kind = "k", .params = "2"});
    testing::expect_error(Errc::refused, "index", [&] { static_cast<void>(client.enqueue_many(jobs)); });
  };
  refused({});
  refused({.unique_key = "key"});
  refused({.id = JobId::make(system_clock()->now())});
  EXPECT_EQ(jobs_in("1"), 1);
  EXPECT_TRUE(client.enqueue(NewJob{.kind = "k", .params = "2", .options = {.unique_key = "key"}}).inserted());
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

SQLQ_MYSQL_PLACES(MysqlFaults);

}  // namespace
}  // namespace sqlq::mysql
