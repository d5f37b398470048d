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
  // The shell goes with the library it was built with, also where we are tested with another (ci/newest-sqlite).
  const std::string shell = "env -u LD_LIBRARY_PATH sqlite3 -bail -cmd '.dbconfig defensive off' '" + path() + "'";
  expect_scripts_accepted(Migrator(backend::open(url())), shell, "BEGIN;\n", "COMMIT;\n");
}

}  // namespace
}  // namespace sqlq::sqlite
