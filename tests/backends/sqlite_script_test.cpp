// The printed SQL, run by the database's own command line.

#include "support/shell.hpp"

#include <sqlq/backend/register.hpp>
#include <sqlq/sqlite.hpp>

#include "backends/sqlite_scratch.hpp"

namespace sqlq::sqlite {
namespace {

class SqliteScript : public Scratch {};

TEST_F(SqliteScript, IsTakenByTheShell) {
  backend::register_backend("sqlite", factory());
  expect_scripts_accepted(Migrator(backend::open(url())), "sqlite3 -bail '" + path() + "'", "BEGIN;\n", "COMMIT;\n");
}

}  // namespace
}  // namespace sqlq::sqlite
