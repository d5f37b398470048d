// Steps of the schema that run outside of a transaction, here one that makes an index without keeping writers away.

#include <atomic>

#include <sqlq/stop_token.hpp>

#include "backends/postgres_fixture.hpp"
#include "sql/migrations.hpp"

namespace sqlq::postgres {
namespace {

class PostgresOutside : public PostgresTest {
 protected:
  PostgresOutside() : native_(url()), schema_(options().schema), db_(open()), own_options_(options()) {
    known_.assign(schema_.migrations().begin(), schema_.migrations().end());
    const std::string place = quoted_name(options().schema);
    Migration step;
    step.version = static_cast<int>(known_.size()) + 1;
    step.name = "test_index";
    step.up_in_transaction = step.down_in_transaction = false;
    step.up = "DROP INDEX CONCURRENTLY IF EXISTS " + place + ".sqlq_test_index;\n" +
              "CREATE INDEX CONCURRENTLY sqlq_test_index\n  ON " + place + ".sqlq_jobs (created_us);\n";
    step.down = "DROP INDEX CONCURRENTLY IF EXISTS " + place + ".sqlq_test_index;\n";
    step.checksum = "0123456789abcdef";
    step.compatible_from = 1;
    known_.push_back(step);
  }

  int run(backend::Direction direction, int target) {
    PgConnection connection(own_options_, schema_.texts());
    return sql::run_outside(connection, schema_.catalogue(), known_, direction, target, system_clock()->now());
  }
  /// "t" or "f": valid; empty: it is not there.
  [[nodiscard]] std::vector<std::string> index() {
    return native_.query("SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                         " WHERE c.relname = 'sqlq_test_index' AND c.relnamespace = current_schema()::regnamespace");
  }

  Native native_;
  const Schema schema_;
  const Database db_;
  const Options own_options_;
  std::vector<Migration> known_{};
};

TEST_F(PostgresOutside, AnInterruptedStepIsBroughtToItsEnd) {
  const int latest = static_cast<int>(known_.size());
  const std::string drop = known_.back().down;
  const std::string make = known_.back().up.substr(drop.size());
  for (int done = 0; done < 4; ++done) {  // as a process leaves it that dies after so many statements
    if (done > 0) native_.exec(drop);
    if (done > 1) native_.exec(make);
    if (done > 2) {  // in the middle of the second
      native_.exec("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sqlq_test_index'::regclass");
    }
    EXPECT_EQ(Migrator{db_}.status().current, latest - 1);
    EXPECT_EQ(run(backend::Direction::up, latest), 1);
    EXPECT_EQ(index(), std::vector<std::string>{"t"}) << done;
    const MigrationStatus status = Migrator{db_}.status();
    EXPECT_EQ(status.current, latest);
    EXPECT_EQ(status.problem, "") << "compatible";
    EXPECT_EQ(run(backend::Direction::up, latest), 0);
    EXPECT_EQ(run(backend::Direction::down, latest - 1), 1);
    EXPECT_TRUE(index().empty());
    EXPECT_EQ(Migrator{db_}.status().current, latest - 1);
  }
}

/// A statement that waits for the lock would wait for the index, which waits for that statement.
TEST_F(PostgresOutside, WhoWaitsForTheLockDoesNotKeepTheIndexWaiting) {
  native_.exec("SELECT pg_advisory_lock(hashtextextended('sqlq migrations of ' || current_schema(), 0))");
  const int before = db_.dialect().migration_status().current;
  std::atomic<int> steps{-1};
  sqlq::jthread waiting([&, url = url()] {
    steps = backend::open(url).dialect().migrate(backend::Direction::up, before, {});
  });
  for (int i = 0; i < 5; ++i) {
    native_.exec(known_.back().down);
    native_.exec(known_.back().up.substr(known_.back().down.size()));
  }
  EXPECT_EQ(index(), std::vector<std::string>{"t"});
  EXPECT_EQ(steps, -1) << "it waits still";
  native_.exec("SELECT pg_advisory_unlock_all()");
  waiting.join();
  EXPECT_EQ(steps, 0);
}

}  // namespace
}  // namespace sqlq::postgres
