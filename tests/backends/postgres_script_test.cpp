// The printed SQL, run by the database's own command line.

#include "support/shell.hpp"

#include "backends/postgres_fixture.hpp"

namespace sqlq::postgres {
namespace {

class PostgresScript : public PostgresTest {};

TEST_F(PostgresScript, IsTakenByPsqlAndMakesTheSchema) {
  Native(url()).exec("DROP SCHEMA " + quoted_name(options().schema) + " CASCADE");
  expect_scripts_accepted(Migrator(backend::open(url())),
                          "psql -X -q -1 -v ON_ERROR_STOP=1 '" + conninfo_of(url()) + "'");
}

TEST_F(PostgresScript, ForPublicAsksForNoRightToMakeSchemas) {
  EXPECT_EQ(Schema("public").migrations().at(0).up_script.find("CREATE SCHEMA"), std::string::npos);
  EXPECT_EQ(Schema("odd \"one\"").migrations().at(0).up_script.find("CREATE SCHEMA IF NOT EXISTS \"odd \"\"one\"\"\";"),
            0u);
}

}  // namespace
}  // namespace sqlq::postgres
