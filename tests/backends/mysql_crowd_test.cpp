// Many threads, everything at once: no deadlock and no other error reaches a caller.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <random>
#include <span>
#include <thread>

#include "backends/mysql_fixture.hpp"
#include "platform/random.hpp"
#include "support/mysql_books.hpp"

namespace sqlq::mysql {
namespace {

using namespace std::chrono_literals;

class MysqlCrowd : public OnServer {
 protected:
  MysqlCrowd() : db_(open_migrated(url_with("pool=64&pool_wait=60s"))) {}

  /// One thing some program does, chosen at random.
  void act(const Client& given) {
    Client client = given;
    const auto roll = platform::random_below(100);
    if (roll < 30) return enqueue(client);
    if (roll < 80) return run(client);
    if (roll < 90) return cancel_some(client);
    if (roll < 95) return static_cast<void>(client.reap());
    if (roll < 98) return static_cast<void>(db_.dialect().purge(100, {}));
    requeue_some();
  }

  Database db_;
  std::atomic<int> finished_{0};

 private:
  static void enqueue(Client& client) {
    std::vector<NewJob> jobs(1 + platform::random_below(20), NewJob{.kind = "work"});
    for (NewJob& job : jobs) {
      job.options.queue = "q" + std::to_string(platform::random_below(3));
      job.options.keepalive = 1s;
      job.options.retention = 0s;
      if (platform::random_below(4) == 0) job.options.delay = 50ms;
      if (platform::random_below(4) == 0) job.options.unique_key = std::to_string(platform::random_below(20));
    }
    client.enqueue_many(jobs);
  }
  void run(Client& client) {
    const std::vector<Job> jobs = client.claim({}, {}, 1 + platform::random_below(10));
    if (!jobs.empty() && platform::random_below(3) == 0) client.ping(jobs);
    std::vector<backend::Finish> ends;
    for (const Job& job : jobs) {
      const auto kind = static_cast<backend::FinishKind>(1 + platform::random_below(6));
      if (platform::random_below(20) == 0) continue;  // left to the reaper
      ends.push_back({.id = job.id, .token = job.lease_token, .kind = kind, .message = "x", .delay = 20ms});
      if (kind == backend::FinishKind::success && platform::random_below(2) == 0) ends.back().result = "{}";
    }
    if (!ends.empty()) db_.dialect().finish(ends, nullptr, {});
    finished_ += static_cast<int>(ends.size());
  }
  void cancel_some(Client& client) {
    for (const Job& job : Admin(db_).list({}, {.limit = 5})) client.cancel(job.id);
  }
  void requeue_some() {
    std::vector<JobId> ids;
    for (const Job& job : Admin(db_).list({.states = {JobState::errored, JobState::cancelled}}, {.limit = 5})) {
      ids.push_back(job.id);
    }
    if (!ids.empty()) static_cast<void>(db_.dialect().requeue(ids, {}));
  }
};

/// 16 threads for 3 seconds, or 64 for as long as SQLQ_SOAK_SECONDS says.
TEST_P(MysqlCrowd, NoDeadlockReachesACaller) {
  const char* soak = std::getenv("SQLQ_SOAK_SECONDS");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  const int threads = soak != nullptr ? 64 : 16;
  const Duration length = std::chrono::seconds(soak != nullptr ? std::stoi(soak) : 3);
  Admin(db_).create_queue("q0", {.concurrency = 5});
  const SteadyPoint end = system_clock()->steady() + length;
  std::vector<std::thread> crowd;
  for (int i = 0; i < threads; ++i) {
    crowd.emplace_back([&] {
      const Client client{db_};
      while (system_clock()->steady() < end) {
        try {
          act(client);
        } catch (const std::exception& e) {
          ADD_FAILURE() << e.what();
        }
      }
    });
  }
  for (std::thread& thread : crowd) thread.join();
  EXPECT_GT(finished_, 50);
  const Native native(url());
  for (const auto& [name, query] : testing::mysql_contradictions("sqlq_")) EXPECT_EQ(native.number(query), 0) << name;
}

TEST_P(MysqlCrowd, WhoWaitsForAStrangersKeyKeepsNobodyElseWaiting) {
  const Database db = open_migrated(url_with("lock_timeout=10m&statement_timeout=20m&read_timeout=30m&pool_wait=10m"));
  const auto enqueue = [&](EnqueueOptions options) {
    return Client(db).enqueue(NewJob{.kind = "k", .options = std::move(options)}).id;
  };
  enqueue({});
  const Native native(url());
  native.exec("START TRANSACTION");
  const JobId holder =
      Client(db).enqueue(borrow(native.handle()), NewJob{.kind = "k", .options = {.unique_key = "taken"}}).id;
  std::atomic<int> waiting{5};
  std::atomic<int> harmed{0};
  std::vector<std::thread> stuck;
  for (int i = 0; i < 5; ++i) {
    stuck.emplace_back([&] {
      EXPECT_EQ(enqueue({.unique_key = "taken"}), holder);
      --waiting;
    });
  }
  const Native watcher(url());
  for (int i = 0; i < 10'000; ++i) {
    if (watcher.number("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") > 0) break;
    platform::pause_for(2ms);
  }
  std::vector<std::thread> innocents;
  for (int i = 0; i < 6; ++i) {
    innocents.emplace_back([&, i] {
      try {
        for (int n = 0; n < 10; ++n) {
          enqueue({});
          enqueue({.unique_key = std::to_string(100 * i + n)});
          enqueue({.id = JobId::make(system_clock()->now())});
        }
      } catch (const Error& e) {
        ADD_FAILURE() << e.what();
        ++harmed;
      }
    });
  }
  for (std::thread& thread : innocents) thread.join();
  EXPECT_EQ(waiting, 5) << "the stranger's transaction is still open";
  EXPECT_EQ(harmed, 0);
  native.exec("COMMIT");
  for (std::thread& thread : stuck) thread.join();
}

/// Jobs that expire in another order than that in which they came, each with a line of log and of history.
TEST_P(MysqlCrowd, ManyWhoPurgeAtOnceGoTheSameWay) {
  constexpr std::size_t jobs = 3000;
  Client client(db_);
  client.enqueue_many(std::vector<NewJob>(jobs, {.kind = "work", .options = {.retention = 0s}}));
  std::vector<Job> held = client.claim({}, {}, jobs);
  ASSERT_EQ(held.size(), jobs);
  std::vector<LogLine> lines;
  for (const Job& job : held) {
    lines.push_back({.job = job.id, .token = job.lease_token, .claim = 1, .attempt = 1, .number = 1, .text = "x"});
  }
  db_.dialect().append_logs(lines);
  std::ranges::shuffle(held, std::mt19937(1));
  for (std::size_t at = 0; at < jobs; at += 20) {
    std::vector<backend::Finish> ends;
    for (const Job& job : std::span(held).subspan(at, 20)) {
      ends.push_back({.id = job.id, .token = job.lease_token, .kind = backend::FinishKind::fail, .message = "no"});
    }
    db_.dialect().finish(ends, nullptr, {});
  }
  std::atomic<std::size_t> purged{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&] {
      try {
        for (std::size_t n = 1; n != 0; purged += n) {
          ByHand hand(options());  // nothing is tried again
          n = hand.server().purge(hand.work(), 30);
          if (n != 0) hand.connection().commit();
        }
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  purged += db_.dialect().purge(jobs, {}).deleted;  // what all others had passed over because somebody had it locked
  EXPECT_EQ(purged, jobs);
  const Native native(url());
  for (const auto& [name, query] : testing::mysql_contradictions("sqlq_")) EXPECT_EQ(native.number(query), 0) << name;
}

SQLQ_MYSQL_PLACES(MysqlCrowd);

}  // namespace
}  // namespace sqlq::mysql
