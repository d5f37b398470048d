// Each operation while something goes wrong in one of its round trips, and in several by chance (faults/trial.hpp).

#include <sys/socket.h>

#include <array>

#include "backends/postgres_fixture.hpp"
#include "trials/faulty_server.hpp"
#include "trials/trial.hpp"
#include "server.hpp"

namespace sqlq::postgres {
namespace {

using trials::Effect;
using trials::Fault;

/// Makes the server report it.
Fault fault(const char* name, const std::string& sqlstate, std::optional<Errc> told) {
  return {.name = name, .error = "DO $$ BEGIN RAISE SQLSTATE '" + sqlstate + "'; END $$", .told = told};
}

const std::array kinds{
    fault("deadlock", "40P01", {}),
    fault("serialization failure", "40001", {}),
    fault("long lock", "55P03", {}),
    fault("read-only", "25006", {}),
    fault("server stops", "57P01", {}),
    fault("took too long", "57014", Errc::busy),
    fault("disk full", "53100", Errc::busy),
    fault("damaged", "XX001", Errc::corrupt),
    Fault{.name = "connection cut", .effect = Effect::cut},
    Fault{.name = "answer lost", .effect = Effect::cut_late},
};

class PostgresTrial : public PostgresTest {
 protected:
  PostgresTrial() : plain_(open()), native_(url()) {}

  [[nodiscard]] std::unique_ptr<backend::Dialect> faulty() {
    Options o = options();
    o.watch = false;
    const auto cut = [this](sql::Connection& connection) { this->cut(connection); };
    return sql::make_server_dialect(
        std::make_unique<trials::FaultyServer>(std::make_unique<PgServer>(std::move(o)), faults_, cut), {.size = 1});
  }
  /// Without a word from the server, by turns with its last words.
  void cut(sql::Connection& connection) {
    const PGconn* handle = static_cast<PgConnection&>(connection).handle();
    if (silent_ = !silent_; silent_) ::shutdown(PQsocket(handle), SHUT_RDWR);
    const std::string id = std::to_string(PQbackendPID(handle));
    native_.exec("SELECT pg_terminate_backend(" + id + ")");
    EXPECT_TRUE(eventually([&] { return native_.query("SELECT 1 FROM pg_stat_activity WHERE pid = " + id).empty(); }));
  }

  trials::Faults faults_;
  Database plain_;
  Native native_;
  bool silent_ = false;
};

TEST_F(PostgresTrial, EveryFaultInEveryRoundTrip) {
  const auto dialect = faulty();
  EXPECT_GT(trials::Trial(*dialect, plain_.dialect(), faults_).every_single(kinds, "PostgreSQL").cases, 100u);
}

TEST_F(PostgresTrial, SeveralFaultsByChance) {
  const auto dialect = faulty();
  EXPECT_GT(trials::Trial(*dialect, plain_.dialect(), faults_).by_chance(kinds, "PostgreSQL").faults, 0u);
}

}  // namespace
}  // namespace sqlq::postgres
