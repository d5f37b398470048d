#include "schema.hpp"

#include "connection.hpp"
#include "operations.hpp"
#include "sql/layout.hpp"
#include "sql/migrations.hpp"

namespace sqlq::sqlite {

// Never destroyed: calls during static destruction, and threads that outlive it, still need them (CONTRIBUTING.md).

const sql::Catalogue& catalogue() {
  static const auto& instance = *new sql::Catalogue(sql::expand(sql::file_text(schema_files(), "queries.sql"), {}));
  return instance;
}

const Queries& queries() {
  static const auto& instance = *new Queries{catalogue()};
  return instance;
}

const std::vector<Migration>& known_migrations() {
  static const auto& instance = *new std::vector<Migration>([] {
    std::vector<Migration> steps = sql::read_migrations(schema_files());
    for (Migration& m : steps) m.up_in_transaction = m.down_in_transaction = true;  // SQLite refuses nothing in one
    sql::write_scripts(steps, catalogue(), {});
    return steps;
  }());
  return instance;
}

namespace {

/// In one transaction, whole or not at all.
template <class Change>
void change(sql::Connection& connection, const Change& change_it) {
  auto& c = static_cast<Connection&>(connection);
  c.begin();
  try {
    change_it(c);
    c.commit();
    c.confirm();
  } catch (...) {
    c.rollback();
    throw;
  }
}

}  // namespace

int Operations::migrate(sql::Connection& connection, backend::Direction direction, int target,
                        const backend::Now& now) {
  int steps = 0;
  change(connection, [&](Connection& c) {
    auto status = sql::read_status(c.session(), catalogue(), known_migrations());
    sql::check_target(status, direction, target);
    steps = sql::run_steps(c.session(), catalogue(), known_migrations(), status, direction, target, now->wall,
                           [&](const std::string& script) { c.script(script); });
  });
  return steps;
}

void Operations::teardown(sql::Connection& connection) {
  change(connection, [](Connection& c) {
    std::string script;
    c.session().execute(catalogue()["objects"], {}, [&](const sql::Row& row) {
      script += "DROP " + std::string(row.text(0)) + " \"" + std::string(row.text(1)) + "\";\n";
    });
    c.exec(script);
  });
}

// What the migrations make in a database that has nothing else.
std::string Operations::layout() const {
  Connection c(Options{}, Connection::Role::writer);
  Operations().migrate(c, backend::Direction::up, static_cast<int>(known_migrations().size()), Instant{});
  return sql::text_of(sql::read_layout(c.session(), catalogue()));
}

}  // namespace sqlq::sqlite
