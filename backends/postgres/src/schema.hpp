#pragma once
/// \file
/// The files of schema/postgres, embedded, with the tables where the user wants them.

#include <span>
#include <string>
#include <vector>

#include <sqlq/migrator.hpp>

#include "queries.hpp"
#include "sql/embedded.hpp"

namespace sqlq::postgres {

/// Generated from schema/postgres/*.sql.
[[nodiscard]] std::span<const sql::EmbeddedFile> schema_files() noexcept;

/// Everything whose text names tables, for one schema. Immutable; does not move.
class Schema {
 public:
  explicit Schema(const std::string& name);
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  [[nodiscard]] const sql::Catalogue& catalogue() const noexcept { return catalogue_; }
  [[nodiscard]] const Queries& queries() const noexcept { return queries_; }
  /// The statements as the server wants them, with $1, $2, ... for parameters, by Statement::index.
  [[nodiscard]] const std::vector<std::string>& texts() const noexcept { return texts_; }
  /// Their checksums are those of the files, wherever the tables are.
  [[nodiscard]] const std::vector<Migration>& migrations() const noexcept { return migrations_; }
  /// The channel on which work in this schema is announced.
  [[nodiscard]] const std::string& channel() const noexcept { return channel_; }

 private:
  sql::Catalogue catalogue_;
  Queries queries_{catalogue_};
  std::vector<std::string> texts_;
  std::vector<Migration> migrations_;
  std::string channel_;
};

/// `name` as an identifier and as a text in SQL.
[[nodiscard]] std::string quoted_name(const std::string& name);
[[nodiscard]] std::string quoted_text(const std::string& text);

}  // namespace sqlq::postgres
