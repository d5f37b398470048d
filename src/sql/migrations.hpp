#pragma once
/// \file
/// The parts of migrating that are the same for every SQL database: reading the embedded scripts, judging what has been
/// applied, and walking the steps.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>
#include <sqlq/migrator.hpp>

#include "sql/catalogue.hpp"
#include "sql/embedded.hpp"
#include "sql/session.hpp"

namespace sqlq::sql {

class Connection;

/// Pairs NNN_name.up.sql with NNN_name.down.sql. Error(internal) unless they are numbered 1, 2, ... in pairs.
/// The comments at the top of an up script may say `-- sqlq: compatible from 1` (Migration::compatible_from), and those
/// of both `-- sqlq: no transaction` (Migration::up_in_transaction). The statements of such a script must be ones that
/// may be run again from the first to the last after an interruption anywhere: DROP INDEX CONCURRENTLY IF EXISTS before
/// the CREATE INDEX CONCURRENTLY, which may have left an invalid index behind.
[[nodiscard]] SQLQ_API std::vector<Migration> read_migrations(std::span<const EmbeddedFile> files);

/// Names of statements that keep the record of a step: parameters version, name, checksum, compatible_from, and others
/// that may be NULL. migration_compatible is left out for a step that is compatible with no version before it.
struct RecordStatements {
  std::vector<std::string_view> before_up{"migrations_make"};
  std::vector<std::string_view> after_up{"migration_add", "migration_compatible"};
  std::vector<std::string_view> before_down{};
  std::vector<std::string_view> after_down{"migration_remove"};
};

/// Fills up_script and down_script of each.
SQLQ_API void write_scripts(std::vector<Migration>& steps, const Catalogue& queries, const RecordStatements& record);

/// The text of an embedded file; Error(internal) if it is missing.
[[nodiscard]] SQLQ_API std::string_view file_text(std::span<const EmbeddedFile> files, std::string_view name);

/// Reads the bookkeeping table through the catalogue's statements migrations_exist and migrations, and compares it with
/// the steps known; where it says nothing at all (migrations_any) there must be no jobs_exist. Changes nothing.
[[nodiscard]] SQLQ_API MigrationStatus read_status(Session& session, const Catalogue& queries,
                                                   std::span<const Migration> known);

/// Throws Error(schema) when the status has a problem or steps are to be undone that nobody here knows,
/// Error(invalid_argument) for a target out of range.
SQLQ_API void check_target(const MigrationStatus& status, backend::Direction direction, int target);

/// Records Migration::compatible_from of a step that has a row, through migration_compatible, unless it is its version.
SQLQ_API void record_compatible(Session& session, const Catalogue& queries, const Migration& step);

/// Runs the steps from status.current up or down to `target` (none, if it is beyond it), but no further than to one
/// that runs outside of a transaction, and keeps the books through migrations_make, migration_add, migration_compatible
/// and migration_remove. `run_script` executes a script of several statements. The caller holds the lock and, where DDL
/// is transactional, the transaction. Returns the number of steps; `status.current` follows.
SQLQ_API int run_steps(Session& session, const Catalogue& queries, std::span<const Migration> known,
                       MigrationStatus& status, backend::Direction direction, int target, TimePoint now,
                       const std::function<void(const std::string&)>& run_script);

/// The step that comes after version `current` on the way to `target`, if it runs outside of a transaction; else null.
[[nodiscard]] SQLQ_API const Migration* next_outside(std::span<const Migration> known, int current,
                                                     backend::Direction direction, int target);

/// Runs that step, if the tables say that it is still to be run: its statements one by one, each by itself; then it is
/// recorded, in a transaction. The caller holds a lock of a session against other migrators. Returns the number of
/// steps, 0 or 1.
SQLQ_API int run_outside(Connection& connection, const Catalogue& queries, std::span<const Migration> known,
                         backend::Direction direction, int target, TimePoint now);

/// Throws Error(refused) that names these objects of the user's, which refer to ours; does nothing if there are none.
SQLQ_API void refuse_teardown(std::span<const std::string> in_the_way, const std::string& backend);

}  // namespace sqlq::sql
