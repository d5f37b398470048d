// Connections that are cut, frozen and killed; servers that are not there.

#include <atomic>
#include <latch>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <sqlq/admin.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/worker.hpp>

#include "backends/postgres_fixture.hpp"
#include "backends/postgres_proxy.hpp"
#include "notifier.hpp"
#include "platform/pause.hpp"
#include "support/expect_error.hpp"

namespace sqlq::postgres {
namespace {

using namespace std::chrono_literals;
using testing::expect_error;
using Harm = Proxy::Harm;

class PostgresFaults : public PostgresTest {
 protected:
  PostgresFaults()
      : proxy_(backend::Url::parse(server_url()).authority().hosts.at(0).second),
        direct_(open()),
        schema_(options().schema),
        native_(url()) {}

  /// The scratch through a port of ours.
  [[nodiscard]] std::string url_at(const std::string& hosts, const std::string& more = {}) const {
    const auto at = url().find('@') + 1;
    const auto slash = url().find('/', at);
    return url().substr(0, at) + hosts + url().substr(slash) + more;
  }
  [[nodiscard]] std::string here(int port) const { return "127.0.0.1:" + std::to_string(port); }
  [[nodiscard]] Database through_proxy() const {
    return backend::open(url_at(here(proxy_.port()), "&watch=false&pool=2"));
  }
  /// The bytes with which a prepared statement is run: behind its name comes a number below 256 of two bytes. (Where it
  /// is prepared, its text does; the zero before the name may be there, too, as the end of a length.)
  [[nodiscard]] std::string running(const std::string& statement) const {
    const sql::Statement& s = schema_.catalogue()[statement];
    return std::string(1, '\0') + prepared_name(s, schema_.texts()[s.index]) + std::string(2, '\0');
  }
  [[nodiscard]] std::uint64_t jobs() const { return Admin(direct_).list({}, {.limit = 1000}).size(); }
  [[nodiscard]] std::uint64_t held() const { return Admin(direct_).counts().at(JobState::running).value; }

  Proxy proxy_;
  Database direct_;
  Schema schema_;
  Native native_;
};

const std::string commit = std::string("COMMIT") + '\0';

TEST_F(PostgresFaults, AnEnqueueWhoseAnswerIsLostIsThereOnce) {
  const auto db = through_proxy();
  Client client(db);
  client.enqueue(NewJob{.kind = "k"});
  for (const Harm harm : {Harm::before, Harm::after}) {
    const auto before = jobs();
    proxy_.harm_at(harm, running("job_insert"));
    const JobId id = client.enqueue(NewJob{.kind = "k"}).id;
    EXPECT_TRUE(proxy_.harmed());
    EXPECT_EQ(jobs(), before + 1);
    EXPECT_TRUE(Client(direct_).find(id));
  }
}

TEST_F(PostgresFaults, AStopEndsInTimeThoughTheNetworkIsSilent) {
  Client(direct_).enqueue(NewJob{.kind = "k"});
  std::latch running(1), end(1);
  Handlers handlers;
  handlers.on("k", [&](JobContext&) {
    running.count_down();
    end.wait();
    return Outcome::done();
  });
  const auto worker = std::make_unique<Worker>(
      backend::open(url_at(here(proxy_.port()))), handlers,
      WorkerOptions{.concurrency = 2, .poll = 10ms, .sweep = 100ms, .on_event = [](const WorkerEvent&) {}});
  worker->start();
  running.wait();
  proxy_.freeze();
  end.count_down();
  platform::pause_for(200ms);  // every service asks for something meanwhile
  EXPECT_LT(time_of([&] { worker->stop(2s); }), 10s) << "an answer is waited for";
}

TEST_F(PostgresFaults, ALongBatchCutAtItsCommitIsThereOnce) {
  const auto db = through_proxy();
  Client client(db);
  client.enqueue(NewJob{.kind = "k"});
  const std::vector<NewJob> batch(10'500, NewJob{.kind = "k"});  // more than one statement takes
  std::size_t wanted = 1;
  for (const Harm harm : {Harm::before, Harm::after}) {
    proxy_.harm_at(harm, commit);
    const auto made = client.enqueue_many(batch);
    EXPECT_TRUE(proxy_.harmed());
    EXPECT_EQ(made.size(), batch.size());
    wanted += batch.size();
    EXPECT_EQ(native_.query("SELECT count(*) FROM sqlq_jobs")[0], std::to_string(wanted));
  }
}

TEST_F(PostgresFaults, AClaimWhoseAnswerIsLostKeepsItsJobs) {
  const auto db = through_proxy();
  Client client(db);
  for (int i = 0; i < 20; ++i) client.enqueue(NewJob{.kind = "k"});
  std::set<JobId> seen;
  for (const Job& job : client.claim({}, {}, 2)) seen.insert(job.id);
  for (const Harm harm : {Harm::before, Harm::after}) {
    proxy_.harm_at(harm, running("claim"));
    const auto claimed = client.claim({}, {}, 5);
    EXPECT_TRUE(proxy_.harmed());
    EXPECT_EQ(claimed.size(), 5u);
    for (const Job& job : claimed) {
      EXPECT_TRUE(seen.insert(job.id).second) << "given twice";
      EXPECT_EQ(job.claims, 1);
      EXPECT_EQ(job.queue, "default");
      EXPECT_EQ(job.kind, "k");
    }
  }
  EXPECT_EQ(held(), 12u) << "nothing was taken that nobody knows of";
}

TEST_F(PostgresFaults, AClaimOfALimitedQueueCutAtItsCommitKeepsItsJobsAndTheLimit) {
  const auto db = through_proxy();
  Client client(db);
  Admin(direct_).create_queue("default", {.concurrency = 4});
  for (int i = 0; i < 20; ++i) client.enqueue(NewJob{.kind = "k"});
  for (const Harm harm : {Harm::before, Harm::after}) {
    proxy_.harm_at(harm, commit);
    const auto claimed = client.claim({}, {}, 2);
    EXPECT_TRUE(proxy_.harmed());
    EXPECT_EQ(claimed.size(), 2u);
  }
  EXPECT_EQ(held(), 4u);
  EXPECT_TRUE(client.claim({}, {}, 2).empty());
}

/// The server works on the claim of a connection that is gone, and commits it when another try has claimed already.
TEST_F(PostgresFaults, AClaimThatIsCommittedLateLosesNoJob) {
  const auto db = backend::open(url_at(here(proxy_.port()), "&watch=false&pool=2&lock_timeout=60s"));
  Client client(db);
  for (int i = 0; i < 4; ++i) client.enqueue(NewJob{.kind = "k"});
  const std::string key = "hashtext('" + options().schema + "')";
  native_.exec("CREATE SEQUENCE late; CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               "IF nextval('" + options().schema + ".late') = 1 THEN PERFORM pg_advisory_xact_lock(" + key +
               "); END IF; RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON sqlq_jobs DEFERRABLE "
               "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()");
  native_.exec("SELECT pg_advisory_lock(" + key + ")");
  static_cast<void>(client.claim({}, {.kinds = {"none"}}, 1));  // connects
  proxy_.harm_at(Harm::sent, running("claim"));
  std::set<JobId> seen;
  for (const Job& job : client.claim({}, {}, 2)) seen.insert(job.id);
  EXPECT_TRUE(proxy_.harmed());
  EXPECT_EQ(seen.size(), 2u);
  native_.exec("SELECT pg_advisory_unlock(" + key + ")");
  ASSERT_TRUE(eventually([&] { return held() == 4; })) << "the first try has committed";

  const auto again = client.claim({}, {}, 10);
  EXPECT_EQ(again.size(), 2u) << "nobody holds them, and nobody waits for the end of their leases";
  for (const Job& job : again) {
    EXPECT_TRUE(seen.insert(job.id).second) << "given twice";
    EXPECT_EQ(job.crashes, 0);
    EXPECT_EQ(job.attempt, 1);
    ASSERT_EQ(Admin(direct_).history(job.id).size(), 1u);
    EXPECT_EQ(Admin(direct_).history(job.id)[0].cause, Cause::released);
  }
}

TEST_F(PostgresFaults, AFinishWhoseAnswerIsLostIsAcceptedOnce) {
  const auto db = through_proxy();
  Client client(db);
  for (int i = 0; i < 3; ++i) client.enqueue(NewJob{.kind = "k"});
  const auto claimed = client.claim({}, {}, 3);
  ASSERT_EQ(claimed.size(), 3u);
  EXPECT_EQ(client.success(claimed[0]), FinishStatus::applied);
  proxy_.harm_at(Harm::before, running("finish"));
  EXPECT_EQ(client.success(claimed[1]), FinishStatus::applied);
  proxy_.harm_at(Harm::after, running("finish"));
  EXPECT_EQ(client.error(claimed[2], "no", {}), FinishStatus::already_applied);
  EXPECT_TRUE(proxy_.harmed());
  EXPECT_EQ(Admin(direct_).history(claimed[2].id).size(), 1u);
}

TEST_F(PostgresFaults, AFrozenConnectionIsGivenUp) {
  const auto db = backend::open(
      url_at(here(proxy_.port()), "&watch=false&statement_timeout=100ms&connect_timeout=300ms"));
  Client client(db);
  client.enqueue(NewJob{.kind = "k"});
  proxy_.freeze();
  const Duration took = time_of([&] { EXPECT_THROW(client.enqueue(NewJob{.kind = "k"}), Error); });
  EXPECT_LT(took, 20s);
}

TEST_F(PostgresFaults, APeerThatNeverAnswersIsGivenUp) {
  const Silence silence;
  const Duration took = time_of([&] {
    expect_error(Errc::connection, "connect_timeout",
                 [&] { (void)backend::open(url_at(here(silence.port()), "&connect_timeout=300ms")); });
  });
  EXPECT_LT(took, 5s);
}

TEST_F(PostgresFaults, ADeadServerInTheListIsPassedOver) {
  const Silence silence;
  const auto alive = here(backend::Url::parse(server_url()).authority().hosts.at(0).second);
  for (const auto& hosts : {"127.0.0.1:1," + alive, here(silence.port()) + "," + alive}) {
    const auto db = backend::open(url_at(hosts, "&connect_timeout=300ms"));
    EXPECT_TRUE(Client(db).enqueue(NewJob{.kind = "k"}).inserted());
  }
  EXPECT_THROW((void)backend::open(url_at("127.0.0.1:1,127.0.0.1:2")), Error);
}

TEST_F(PostgresFaults, KilledConnectionsAreReplacedUnnoticed) {
  Client client(direct_);
  for (int i = 0; i < 3; ++i) {
    client.enqueue(NewJob{.kind = "k"});
    EXPECT_GE(kill(native_, "application_name = 'sqlq' AND query LIKE '%" + options().schema + "%'"), 1u);
    EXPECT_EQ(Client(direct_).claim().size(), 1u);
    kill(native_, "application_name = 'sqlq' AND query LIKE '%" + options().schema + "%'");
    EXPECT_EQ(Admin(direct_).counts().at(JobState::running).value, static_cast<std::uint64_t>(i) + 1);
  }
}

TEST_F(PostgresFaults, KillsUnderLoadLoseAndDoubleNothing) {
  constexpr int producers = 2;
  constexpr int each = 150;
  std::atomic<int> producing{producers};
  std::mutex mutex;
  std::set<JobId> acknowledged;
  std::map<JobId, int> finished;  // how often a success was applied
  std::vector<std::thread> threads;
  const auto retried = [](const std::function<void()>& call) {
    while (true) {
      try {
        return call();
      } catch (const Error& e) {
        if (!e.retryable() && !e.outcome_unknown()) throw;
      }
    }
  };
  for (int t = 0; t < producers; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        const JobId id = JobId::make(system_clock()->now());
        retried([&] { Client(direct_).enqueue(NewJob{.kind = "k", .options = {.id = id}}); });
        const std::lock_guard lock(mutex);
        acknowledged.insert(id);
      }
      --producing;
    });
  }
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (bool more = true; more;) {
        std::vector<Job> claimed;
        retried([&] { claimed = Client(direct_).claim({}, {}, 4); });
        more = !claimed.empty() || producing > 0;
        for (const Job& job : claimed) {
          FinishStatus status = FinishStatus::stale;
          retried([&] { status = Client(direct_).success(job); });
          EXPECT_TRUE(accepted(status));
          const std::lock_guard lock(mutex);
          ++finished[job.id];
        }
      }
    });
  }
  std::size_t killed = 0;
  while (producing > 0) {
    killed += kill(native_, "application_name = 'sqlq' AND query LIKE '%" + options().schema + "%'");
    platform::pause_for(30ms);
  }
  for (auto& t : threads) t.join();
  EXPECT_GT(killed, 2u);
  EXPECT_EQ(acknowledged.size(), static_cast<std::size_t>(producers * each));
  EXPECT_EQ(jobs(), 300u);
  for (const JobId& id : acknowledged) {
    const auto job = Client(direct_).find(id);
    ASSERT_TRUE(job);
    // A claim that could not be told to its caller in five tries leaves its jobs to the end of their leases.
    EXPECT_TRUE(job->state == JobState::success || job->state == JobState::running);
    EXPECT_LE(finished[id], 1);
    EXPECT_EQ(job->claims, 1);
  }
}

TEST_F(PostgresFaults, HintsResumeWhenTheListenerWasKilled) {
  std::atomic<int> hints{0};
  const auto subscription = direct_.dialect().subscribe([&] { ++hints; });
  const auto listeners = [&] {
    return native_.query("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%" + options().schema + "%'");
  };
  ASSERT_TRUE(eventually([&] { return listeners().size() == 1 && hints >= 1; }));
  const auto first = listeners();
  const int before = hints;
  EXPECT_EQ(kill(native_, "pid = " + first[0]), 1u);
  ASSERT_TRUE(eventually([&] { return listeners().size() == 1 && listeners() != first && hints > before; }))
      << "it connects again and says that something may have been missed";
  const auto other = backend::open(url());
  const int then = hints;
  Client(other).enqueue(NewJob{.kind = "k"});
  EXPECT_TRUE(eventually([&] { return hints > then; }));
}

TEST_F(PostgresFaults, AnAnnouncementThatFailedIsMadeAgain) {
  std::atomic<int> hints{0};
  const auto subscription = direct_.dialect().subscribe([&] { ++hints; });
  const std::string announcer = "announcer of " + options().schema;
  const auto other = backend::open(url("application_name=" + announcer));
  Client client(other);
  client.enqueue(NewJob{.kind = "k"});
  const std::string announcing = "application_name = '" + announcer + "' AND query LIKE '%pg_notify%'";
  ASSERT_TRUE(eventually([&] {
    return native_.query("SELECT pid FROM pg_stat_activity WHERE state = 'idle' AND " + announcing).size() == 1;
  }));
  ASSERT_TRUE(eventually([&] { return hints >= 2; })) << "of the listener's start, and of the job";
  EXPECT_EQ(kill(native_, announcing), 1u);
  const int before = hints;
  client.enqueue(NewJob{.kind = "k"});
  EXPECT_TRUE(eventually([&] { return hints > before; }));
}

TEST_F(PostgresFaults, WhatAProgramDoesLastIsAnnouncedBeforeItEnds) {
  std::atomic<int> hints{0};
  const auto subscription = direct_.dialect().subscribe([&] { ++hints; });
  ASSERT_TRUE(eventually([&] { return hints >= 1; }));
  JobId id;
  const auto announced = [&](const std::function<void(Client)>& last) {
    const int before = hints;
    last(Client(backend::open(url())));  // the handle ends with the call
    return eventually([&] { return hints > before; });
  };
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(announced([&](Client client) { id = client.enqueue(NewJob{.kind = "k"}).id; }));
    ASSERT_TRUE(announced([&](Client client) { client.cancel(id); }));
    ASSERT_TRUE(announced([&](Client client) {
      native_.exec("BEGIN");
      client.enqueue(borrow(native_.handle()), NewJob{.kind = "k"});
      native_.exec("COMMIT");
    }));
  }
}

TEST_F(PostgresFaults, ASilentServerHoldsUpNobodyWhoEnds) {
  auto db = std::make_unique<Database>(backend::open(url_at(here(proxy_.port()), "&connect_timeout=1h")));
  Client(*db).enqueue(NewJob{.kind = "k"});
  proxy_.freeze();
  EXPECT_LT(time_of([&] { db.reset(); }), 20s) << "a second is what it takes at most";
}

/// After a failover the server knows nothing of a transaction that this process follows.
TEST_F(PostgresFaults, ATransactionThatTheServerHasNeverSeenKeepsNobodySilent) {
  std::atomic<int> hints{0};
  const auto subscription = direct_.dialect().subscribe([&] { ++hints; });
  ASSERT_TRUE(eventually([&] { return hints >= 1; }));
  const Options mine = options();
  Notifier notifier(mine, schema_);
  notifier.announce_after("4611686018427387904");
  for (int i = 0; i < 3; ++i) {
    const int before = hints;
    notifier.announce();
    ASSERT_TRUE(eventually([&] { return hints > before; }));
  }
  const int before = hints;
  native_.exec("BEGIN");
  notifier.announce_after(native_.query("SELECT pg_current_xact_id()")[0]);
  native_.exec("COMMIT");
  EXPECT_TRUE(eventually([&] { return hints > before; })) << "and the others are followed as before";
}

TEST_F(PostgresFaults, AtTheServersLimitOfConnectionsACallWaits) {
  const std::string role = "sqlq_limited_" + std::to_string(::getpid());
  native_.exec("CREATE ROLE " + role + " LOGIN CONNECTION LIMIT 1; GRANT ALL ON SCHEMA " + options().schema + " TO " +
               role + "; GRANT ALL ON ALL TABLES IN SCHEMA " + options().schema + " TO " + role +
               "; GRANT ALL ON ALL SEQUENCES IN SCHEMA " + options().schema + " TO " + role);
  const std::string as_role = "postgresql://" + role + url().substr(url().find('@'));
  {
    auto first = std::make_unique<Database>(backend::open(as_role + "&watch=false"));
    expect_error(Errc::busy, "pool_wait",
                 [&] { static_cast<void>(backend::open(as_role + "&watch=false&pool_wait=30ms")); });
    std::atomic<bool> begun{false};
    bool inserted = false;
    {
      const sqlq::jthread second([&] {
        begun = true;
        const auto db = backend::open(as_role + "&watch=false&pool_wait=60s");
        inserted = Client(db).enqueue(NewJob{.kind = "k"}).inserted();
      });
      while (!begun) std::this_thread::yield();
      Client(*first).enqueue(NewJob{.kind = "k"});
      first.reset();
    }
    EXPECT_TRUE(inserted);
  }
  native_.exec("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(PostgresFaults, HintsOfManyCommitsAreGathered) {
  std::atomic<int> hints{0};
  const auto subscription = direct_.dialect().subscribe([&] { ++hints; });
  ASSERT_TRUE(eventually([&] { return hints >= 1; }));
  const auto other = backend::open(url());
  Client client(other);
  client.enqueue(NewJob{.kind = "k"});
  ASSERT_TRUE(eventually([&] { return hints >= 2; }));
  const int before = hints;
  const Duration took = time_of([&] {
    for (int i = 0; i < 200; ++i) client.enqueue(NewJob{.kind = "k"});
  });
  EXPECT_LE(hints - before, took / 10ms + 2);
}

TEST_F(PostgresFaults, SettingsOfTheDatabaseDoNotMatter) {
  // Another database, so that no other test sees what is set here.
  const std::string place = make_scratch();
  const std::string name = backend::Url::parse(place).authority().path;
  for (const char* setting : {"timezone = 'Asia/Kathmandu'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'",
                              "default_transaction_isolation = 'serializable'", "standard_conforming_strings = off",
                              "search_path = ''", "array_nulls = off", "client_encoding = 'LATIN1'",
                              "statement_timeout = 1", "enable_indexscan = off", "jit_above_cost = 0",
                              "extra_float_digits = -15"}) {
    native_.exec("ALTER DATABASE " + name + " SET " + setting);
  }
  {
    auto db = backend::open(place);
    db.migrate();
    Client client(db);
    const TimePoint begin = system_clock()->now();
    const JobId id = client.enqueue(NewJob{.kind = "k", .params = R"("\\ \" {} Gr\u00fc\u00dfe")",
                                           .options = {.unique_key = "a\\\"{}'"}}).id;
    const JobId later = client.enqueue(NewJob{.kind = "k", .options = {.delay = 1h}}).id;
    const auto claimed = client.claim({}, {}, 10);
    ASSERT_EQ(claimed.size(), 1u);
    EXPECT_EQ(claimed[0].id, id);
    EXPECT_EQ(claimed[0].unique_key, "a\\\"{}'");
    EXPECT_LT(claimed[0].created_at - begin, 10s);
    EXPECT_GT(claimed[0].created_at - begin, -10s);
    EXPECT_LT(client.find(later)->run_at - begin, 1h + 10s);
    EXPECT_EQ(client.success(claimed[0]), FinishStatus::applied);
  }
  drop_scratch(place);
}

TEST_F(PostgresFaults, ALimitHoldsAtEveryInstantWhileManyClaim) {
  constexpr int limit = 3;
  Admin(direct_).create_queue("default", {.concurrency = limit});
  Client(direct_).enqueue_many(std::vector<NewJob>(150, NewJob{.kind = "k"}));
  const auto second = backend::open(url());
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Client client(t % 2 == 0 ? direct_ : second);
      while (done < 150) {
        for (const Job& job : client.claim({}, {}, 2)) {
          EXPECT_EQ(client.success(job), FinishStatus::applied);
          ++done;
        }
      }
    });
  }
  int most = 0;
  while (done < 150) {
    most = std::max(most, std::stoi(native_.query("SELECT count(*) FROM sqlq_jobs WHERE state IN (2, 5)")[0]));
  }
  for (auto& t : threads) t.join();
  EXPECT_LE(most, limit);
  EXPECT_GE(most, 1);
}

}  // namespace
}  // namespace sqlq::postgres
