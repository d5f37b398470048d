#pragma once
/// \file
/// The files of schema/sqlite, embedded and read once.

#include <span>
#include <vector>

#include <sqlq/migrator.hpp>

#include "queries.hpp"
#include "sql/embedded.hpp"

namespace sqlq::sqlite {

/// Generated from schema/sqlite/*.sql.
[[nodiscard]] std::span<const sql::EmbeddedFile> schema_files() noexcept;

/// The catalogue of schema/sqlite/queries.
[[nodiscard]] const sql::Catalogue& catalogue();
[[nodiscard]] const Queries& queries();
[[nodiscard]] const std::vector<Migration>& known_migrations();

}  // namespace sqlq::sqlite
