#include "schema.hpp"

#include "sql/migrations.hpp"

namespace sqlq::sqlite {

const sql::Catalogue& catalogue() {
  static const sql::Catalogue instance(sql::file_text(schema_files(), "queries.sql"));
  return instance;
}

const Queries& queries() {
  static const Queries instance{catalogue()};
  return instance;
}

const std::vector<Migration>& known_migrations() {
  static const std::vector<Migration> instance = [] {
    std::vector<Migration> steps = sql::read_migrations(schema_files());
    sql::write_scripts(steps, catalogue(), {});
    return steps;
  }();
  return instance;
}

}  // namespace sqlq::sqlite
