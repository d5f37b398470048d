#pragma once
/// \file
/// The files of schema/mysql, with the names of one database and prefix put in.

#include <span>
#include <string>
#include <vector>

#include <sqlq/migrator.hpp>

#include "options.hpp"
#include "queries.hpp"
#include "sql/catalogue.hpp"
#include "sql/embedded.hpp"

namespace sqlq::mysql {

/// Generated from schema/mysql/*.sql.
[[nodiscard]] std::span<const sql::EmbeddedFile> schema_files() noexcept;

/// Immutable after construction; usable from all threads. Its statements must not be outlived.
struct Schema {
  explicit Schema(const Options& options);
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  std::string database;  ///< quoted, for DROP statements
  sql::Catalogue catalogue;
  Queries queries;
  std::vector<Migration> migrations;  ///< checksums are those of the files
};

/// Steps up or down to the target, under the lock, bringing what was interrupted to its end. Returns how many.
int migrate(sql::Connection& connection, const Schema& schema, backend::Direction direction, int target,
            const backend::Now& now);
void teardown(sql::Connection& connection, const Schema& schema);

}  // namespace sqlq::mysql
