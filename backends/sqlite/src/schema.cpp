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
  static const std::vector<Migration> instance = sql::read_migrations(schema_files());
  return instance;
}

}  // namespace sqlq::sqlite
