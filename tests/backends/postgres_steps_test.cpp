// Steps beside open transactions, and what a step costs the row of its job.

#include <atomic>

#include <sqlq/stop_token.hpp>

#include "backends/open_step.hpp"
#include "backends/postgres_fixture.hpp"

namespace sqlq::postgres {
namespace {

class PostgresSteps : public PostgresTest {
 protected:
  [[nodiscard]] static testing::Application application(const Native& native) {
    return {.exec = [&native](const std::string& sql) { native.exec(sql); }, .tx = borrow(native.handle())};
  }
  [[nodiscard]] testing::OpenStep open_step() const {
    const std::string waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%" +
                                options().schema + "%sqlq_steps%' AND pid <> pg_backend_pid()";
    return {db_, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM sqlq_jobs", [this, waiting] {
              EXPECT_TRUE(eventually([&] { return !watcher_.query(waiting).empty(); }));
            }};
  }

  const Database db_ = open();
  const Native one_{url()};
  const Native two_{url()};
  const Native watcher_{url()};
};

TEST_F(PostgresSteps, AnOpenStepKeepsNobodyWaiting) { open_step().keeps_nobody_waiting(application(one_)); }

TEST_F(PostgresSteps, AnOpenStepOfALostLeaseIsWaitedFor) {
  open_step().is_waited_for(application(one_), application(two_));
}

TEST_F(PostgresSteps, AnOldSnapshotIsNotBelieved) { open_step().does_not_believe_old_snapshots(application(one_)); }

// A trigger of the user's waits for a row that somebody has locked, for one step: those of others share writes with it.
TEST_F(PostgresSteps, OneThatWaitsForALockHarmsNobody) {
  constexpr std::size_t jobs = 8;
  constexpr int rounds = 10;
  one_.exec("CREATE TABLE mine (n int); INSERT INTO mine VALUES (1);"
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN"
            "  IF NEW.name = 'bad' THEN PERFORM 1 FROM mine FOR UPDATE; END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER looks BEFORE INSERT ON sqlq_steps FOR EACH ROW EXECUTE FUNCTION look()");
  two_.exec("BEGIN; SELECT 1 FROM mine FOR UPDATE");
  const Database db = open("lock_timeout=20ms");
  Client client(db);
  for (std::size_t i = 0; i < jobs; ++i) client.enqueue(NewJob{.kind = "k"});
  const std::vector<Job> held = client.claim({}, {}, jobs);
  ASSERT_EQ(held.size(), jobs);
  std::atomic<int> harmed{0}, refused{0};
  {
    std::vector<sqlq::jthread> threads;
    for (std::size_t i = 0; i < jobs; ++i) {
      threads.emplace_back([&, i] {
        const std::string name = i == 0 ? "bad" : "good";
        for (int n = 0; n < rounds; ++n) {
          try {
            const auto answer = db.dialect().steps()->record_step({.id = held[i].id,
                                                                   .token = held[i].lease_token,
                                                                   .name = name,
                                                                   .number = n,
                                                                   .value = "1",
                                                                   .first_claim = true},
                                                                  nullptr, {});
            if (answer.status != backend::RecordStatus::recorded) ++harmed;
          } catch (const Error& e) {
            ++(i == 0 && e.code() == Errc::retry_transaction ? refused : harmed);
          }
        }
      });
    }
  }
  EXPECT_EQ(harmed, 0);
  EXPECT_EQ(refused, rounds);
  two_.exec("ROLLBACK");
  for (std::size_t i = 0; i < jobs; ++i) {
    EXPECT_EQ(db.dialect().steps()->read_steps(held[i].id, nullptr).size(), std::size_t{i == 0 ? 0U : rounds});
  }
}

// A result makes no new version of the job's row, which finishes and heartbeats would have to follow.
TEST_F(PostgresSteps, AResultLeavesTheRowOfItsJobAlone) {
  Client client(db_);
  client.enqueue(NewJob{.kind = "k"});
  const Job job = client.claim().at(0);
  const std::string version = "SELECT ctid, xmin, xmax FROM sqlq_jobs";
  const auto before = one_.query(version);
  const auto record = [&](StepKind kind) {
    return db_.dialect()
        .steps()
        ->record_step({.id = job.id, .token = job.lease_token, .kind = kind, .name = "a", .value = "1"}, nullptr, {})
        .status;
  };
  for (const StepKind kind : {StepKind::result, StepKind::sleep, StepKind::decision}) {
    EXPECT_EQ(record(kind), backend::RecordStatus::recorded);
    EXPECT_EQ(record(kind), backend::RecordStatus::existing);
  }
  EXPECT_EQ(one_.query(version), before);
}

// Somebody deletes a job by hand: the hourly look takes its steps.
TEST_F(PostgresSteps, StepsOfAJobThatIsGoneAreOrphans) {
  one_.exec("INSERT INTO sqlq_steps VALUES (17, 1, 'a', 0, 1, 1, 1, NULL, '1')");
  const Schema schema(options().schema);
  PgConnection connection(options(), schema.texts());
  std::vector<std::int64_t> seqs;
  connection.session().execute(schema.queries().orphans, {{"n", 10}},
                               [&](const sql::Row& row) { seqs.push_back(row.integer(0)); });
  EXPECT_EQ(seqs, std::vector<std::int64_t>{17});
}

}  // namespace
}  // namespace sqlq::postgres
