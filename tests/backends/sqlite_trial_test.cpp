// Each operation while something goes wrong in one of its round trips, and in several by chance (faults/trial.hpp).

#include <array>

#include <sqlq/backend/url.hpp>

#include "backends/sqlite_scratch.hpp"
#include "dialect.hpp"
#include "errors.hpp"
#include "trials/faulty_session.hpp"
#include "trials/trial.hpp"

namespace sqlq::sqlite {
namespace {

using trials::Effect;
using trials::Fault;

/// Errors are SQLite's extended result codes. Nothing is cut: there is no connection that could be.
class ConnectionVictim final : public trials::Victim {
 public:
  explicit ConnectionVictim(sqlite3* handle) : handle_(handle) {}

  void undo() override {
    if (sqlite3_get_autocommit(handle_) == 0) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  void report(const std::string& error) override {
    raise({.code = std::stoi(error), .message = "it was provoked"}, {});
  }
  void cut() override {}

 private:
  sqlite3* handle_;
};

/// A write that found the disk full is tried again with the WAL copied.
Fault fault(const char* name, Effect effect, int code, Errc told) {
  return {.name = name,
          .effect = effect,
          .error = std::to_string(code),
          .told = told,
          .tried_again = code == SQLITE_FULL};
}

/// A full disk and a failed write may undo the transaction or leave that to us.
const std::array kinds{
    fault("locked", Effect::refused, SQLITE_BUSY, Errc::busy),
    fault("disk full", Effect::refused, SQLITE_FULL, Errc::busy),
    fault("disk full, undone", Effect::undone, SQLITE_FULL, Errc::busy),
    fault("read-only", Effect::refused, SQLITE_READONLY, Errc::permission),
    fault("took too long", Effect::refused, SQLITE_INTERRUPT, Errc::busy),
    fault("no memory", Effect::undone, SQLITE_NOMEM, Errc::busy),
    fault("write failed", Effect::undone, SQLITE_IOERR_WRITE, Errc::outcome_unknown),
    fault("sync failed", Effect::answered, SQLITE_IOERR_FSYNC, Errc::outcome_unknown),
    fault("damaged", Effect::refused, SQLITE_CORRUPT, Errc::corrupt),
};

class SqliteTrial : public Scratch {
 protected:
  SqliteTrial()
      : faulty_(make_dialect(options_with_faults(), system_clock())), plain_(make_dialect(options(), system_clock())) {
    static_cast<void>(plain_->migrate(backend::Direction::up, static_cast<int>(plain_->migrations().size()), {}));
  }
  [[nodiscard]] Options options() const {
    return Options::from(backend::Url::parse(url("?synchronous=normal&watch=false&busy_timeout=1s")));
  }
  [[nodiscard]] Options options_with_faults() {
    Options o = options();
    o.around = [this](std::unique_ptr<sql::Session> real, sqlite3* handle) {
      return std::make_unique<trials::VictimSession<ConnectionVictim>>(std::move(real), faults_, handle);
    };
    return o;
  }

  trials::Faults faults_;
  const std::unique_ptr<backend::Dialect> faulty_;
  const std::unique_ptr<backend::Dialect> plain_;
};

TEST_F(SqliteTrial, EveryFaultInEveryRoundTrip) {
  EXPECT_GT(trials::Trial(*faulty_, *plain_, faults_).every_single(kinds, "SQLite").cases, 200u);
}

TEST_F(SqliteTrial, SeveralFaultsByChance) {
  EXPECT_GT(trials::Trial(*faulty_, *plain_, faults_).by_chance(kinds, "SQLite").faults, 0u);
}

}  // namespace
}  // namespace sqlq::sqlite
