#include <sqlq/migrator.hpp>

#include <algorithm>
#include <span>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "core/request_time.hpp"

namespace sqlq {

namespace {

int latest_version(const Database& db) { return static_cast<int>(db.dialect().migrations().size()); }

void check_version(const Database& db, int version) {
  if (version >= 0 && version <= latest_version(db)) return;
  throw Error(Errc::invalid_argument, "there is no schema version " + std::to_string(version) +
                                          ": this library knows 0 to " + std::to_string(latest_version(db)));
}

bool in_transaction(const Migration& step, bool up) {
  return up ? step.up_in_transaction : step.down_in_transaction;
}

std::string script_of(const Database& db, int version, bool up) {
  const Migration& step = db.dialect().migrations()[static_cast<std::size_t>(version - 1)];
  std::string text = "-- sqlq " + std::to_string(version) + " " + step.name + (up ? ", up\n" : ", down\n");
  if (!in_transaction(step, up)) {
    text += "-- Not in a transaction: each statement takes effect by itself; run all of them again after an\n"
            "-- interruption. Flyway: executeInTransaction=false in the script's .conf file. psql: without -1.\n";
  }
  const std::string& whole = up ? step.up_script : step.down_script;
  text += !whole.empty() ? whole : up ? step.up : step.down;
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

// Whatever happened to the schema, the next call looks at it again.
struct RecheckAtEnd {
  const Database& db;
  ~RecheckAtEnd() { db.recheck(); }
};

}  // namespace

int Migrator::up(std::optional<int> target) {
  const int goal = target.value_or(latest_version(db_));
  check_version(db_, goal);
  const RecheckAtEnd recheck{db_};
  const MigrationStatus now = status();
  if (now.problem.empty() && now.current >= goal) return 0;
  return db_.dialect().migrate(backend::Direction::up, goal, core::request_time(db_.clock()));
}

int Migrator::down(int target) {
  check_version(db_, target);
  const RecheckAtEnd recheck{db_};
  const MigrationStatus now = status();
  if (now.problem.empty() && now.current <= target) return 0;
  return db_.dialect().migrate(backend::Direction::down, target, core::request_time(db_.clock()));
}

MigrationStatus Migrator::status() const { return db_.dialect().migration_status(); }

std::string Migrator::sql(int from, int to, SqlForm form) const {
  check_version(db_, from);
  check_version(db_, to);
  const auto script = [&](int begin, int end) {
    std::string text;
    for (int version = begin + 1; version <= end; ++version) text += script_of(db_, version, true);
    for (int version = begin; version > end; --version) text += script_of(db_, version, false);
    return text;
  };
  if (form == SqlForm::plain) return script(from, to);
  if (from >= to) {
    throw Error(Errc::invalid_argument, "this form of SQL holds both ways in one text: `from` must be less than `to`");
  }
  const auto inside = [&](bool up) {
    return std::ranges::all_of(db_.dialect().migrations().subspan(static_cast<std::size_t>(from),
                                                                  static_cast<std::size_t>(to - from)),
                               [up](const Migration& step) { return in_transaction(step, up); });
  };
  const bool both = inside(true) && inside(false);
  if (!both && to - from > 1) {
    throw Error(Errc::invalid_argument, "one of these steps runs outside of a transaction, which this form of SQL says "
                                        "for the whole text: print the steps one by one");
  }
  if (form == SqlForm::goose) {
    return (both ? "-- +goose Up\n" : "-- +goose NO TRANSACTION\n-- +goose Up\n") + script(from, to) +
           "\n-- +goose Down\n" + script(to, from);
  }
  const auto way = [&](const char* name, bool up) {
    return std::string("-- migrate:") + name + (inside(up) ? "\n" : " transaction:false\n");
  };
  return way("up", true) + script(from, to) + '\n' + way("down", false) + script(to, from);
}

std::vector<Migration> Migrator::steps() const {
  const std::span<const Migration> known = db_.dialect().migrations();
  return {known.begin(), known.end()};
}

void Migrator::teardown() {
  const RecheckAtEnd recheck{db_};
  db_.dialect().teardown();
}

}  // namespace sqlq
