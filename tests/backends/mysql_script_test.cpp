// The printed SQL, run by the database's own command line.

#include "support/shell.hpp"

#include "backends/mysql_fixture.hpp"

namespace sqlq::mysql {
namespace {

class MysqlScript : public OnServer {};

TEST_P(MysqlScript, IsTakenByTheShell) {
  const auto at = backend::Url::parse(url()).authority();
  std::string shell = "mariadb --no-defaults --protocol=tcp --host=" + at.hosts.at(0).first +
                      " --port=" + std::to_string(at.hosts.at(0).second) + " --user=" + at.user;
  if (at.password) shell += " --password='" + *at.password + "'";
  expect_scripts_accepted(Migrator(backend::open(url_with("prefix=by_hand_"))), shell + " '" + at.path + "'");
}

SQLQ_MYSQL_PLACES(MysqlScript);

}  // namespace
}  // namespace sqlq::mysql
