// Somebody locks the table of workers, all of it or a row.

#include "backends/postgres_fixture.hpp"
#include "backends/registry_lock.hpp"

namespace sqlq::postgres {
namespace {

class PostgresRegistry : public PostgresTest {
 protected:
  [[nodiscard]] testing::LockedRegistry locked(const std::string& statement) {
    return {open("pool=2"), [this, statement] { application_.exec("BEGIN; " + statement); },
            [this] { application_.exec("ROLLBACK"); }};
  }

 private:
  const Native application_{url()};
};

TEST_F(PostgresRegistry, LockedHarmsNoWork) { locked("LOCK TABLE sqlq_registry").harms_no_work(); }
TEST_F(PostgresRegistry, LockedKeepsNobodyFromStopping) {
  locked("LOCK TABLE sqlq_registry").keeps_nobody_from_stopping();
}
TEST_F(PostgresRegistry, ALockedRowKeepsNobodyFromStopping) {
  locked("SELECT * FROM sqlq_registry FOR UPDATE").keeps_nobody_from_stopping();
}

}  // namespace
}  // namespace sqlq::postgres
