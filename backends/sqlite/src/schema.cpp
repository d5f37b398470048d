#include "schema.hpp"

#include "sql/migrations.hpp"

namespace sqlq::sqlite {

// Never destroyed: calls during static destruction, and threads that outlive it, still need them (CONTRIBUTING.md).

const sql::Catalogue& catalogue() {
  static const auto& instance = *new sql::Catalogue(sql::file_text(schema_files(), "queries.sql"));
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

}  // namespace sqlq::sqlite
