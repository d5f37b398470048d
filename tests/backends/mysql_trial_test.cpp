// Each operation while something goes wrong in one of its round trips, and in several by chance (faults/trial.hpp).

#include "backends/mysql_fixture.hpp"
#include "trials/faulty_server.hpp"
#include "trials/trial.hpp"

namespace sqlq::mysql {
namespace {

using namespace std::chrono_literals;
using trials::Effect;
using trials::Fault;

/// Makes the server report it. Not at COMMIT, where the connection itself decides what an error means; but for
/// conflicts, after which the server has rolled back.
Fault fault(const char* name, Effect effect, int number, std::optional<Errc> told, bool at_commit = false) {
  return {.name = name,
          .effect = effect,
          .error = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'provoked', MYSQL_ERRNO = " + std::to_string(number),
          .told = told,
          .at_commit = at_commit};
}

class MysqlTrial : public OnServer {
 protected:
  MysqlTrial() : plain_(open_migrated()), native_(url()) {}

  [[nodiscard]] std::vector<Fault> kinds() const {
    return {
        fault("deadlock", Effect::undone, 1213, {}, true),
        fault("long lock", Effect::refused, 1205, {}),
        fault("changed since read", Effect::undone, 1020, {}),
        fault("read-only", Effect::refused, 1290, {}),
        fault("server stops", Effect::undone, 1053, {}),
        fault("took too long", Effect::refused, on_mariadb() ? 1969 : 3024, Errc::busy),
        fault("disk full", Effect::refused, 1114, Errc::busy),
        fault("damaged", Effect::refused, 1034, Errc::corrupt),
        Fault{.name = "connection cut", .effect = Effect::cut},
        Fault{.name = "answer lost", .effect = Effect::cut_late},
    };
  }
  [[nodiscard]] std::unique_ptr<backend::Dialect> faulty() {
    const auto cut = [this](sql::Connection& connection) { cut_off(connection, native_); };
    return sql::make_server_dialect(
        std::make_unique<trials::FaultyServer>(std::make_unique<MysqlServer>(options()), faults_, cut), {.size = 1});
  }

  trials::Faults faults_;
  Database plain_;
  Native native_;
};

TEST_P(MysqlTrial, EveryFaultInEveryRoundTrip) {
  const auto dialect = faulty();
  trials::Trial trial(*dialect, plain_.dialect(), faults_);
  EXPECT_GT(trial.every_single(kinds(), GetParam().name).cases, 200u);
}

TEST_P(MysqlTrial, SeveralFaultsByChance) {
  const auto dialect = faulty();
  trials::Trial trial(*dialect, plain_.dialect(), faults_);
  EXPECT_GT(trial.by_chance(kinds(), GetParam().name).faults, 0u);
}

SQLQ_MYSQL_PLACES(MysqlTrial);

}  // namespace
}  // namespace sqlq::mysql
