#pragma once
/// \file
/// Schema versions: up, down, status, print, tear down.
///
/// Migrations are numbered plain SQL, one up and one down script per step, embedded in the library. They run one at a
/// time under a lock, whole or not at all where the database can; checksums of what was applied are kept.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/database.hpp>
#include <sqlq/export.hpp>

namespace sqlq {

/// One step.
struct Migration {
  int version = 0;         ///< 1, 2, ... without gaps
  std::string name{};      ///< "init", ...
  std::string up{};        ///< SQL text
  std::string down{};      ///< SQL text
  std::string checksum{};  ///< of `up`; 16 hexadecimal digits
  /// Programs that know this version of the schema, or a later one, go on working when the step is applied: the lowest
  /// such version. 0: only those that know the step itself.
  int compatible_from = 0;
  /// false: the database refuses a statement of the script inside of a transaction. The statements run one by one, each
  /// takes effect by itself, and the step is recorded at its end. One that was interrupted is begun anew by the next
  /// `Migrator::up` or `down`.
  bool up_in_transaction = true;
  bool down_in_transaction = true;  ///< the same for `down`
  /// `up` and `down` with the statements that keep the record of the step, and that make what the tables are in where
  /// there is such a thing: for other tools. Each statement ends with a line that ends with `;`; one that has such
  /// lines within it stands between the comments `-- +goose StatementBegin` and `-- +goose StatementEnd`. Empty when
  /// the backend has none: then `up` and `down` are all there is.
  std::string up_script{};
  std::string down_script{};  ///< as `up_script`
};

/// For which tool `Migrator::sql` writes.
enum class SqlForm {
  plain,           ///< for the database's own command line, and whoever reads it
  flyway = plain,  ///< save it as V<version>__<name>.sql, and the way back as U<version>__<name>.sql
  dbmate,          ///< both ways in one text, below `-- migrate:up` and `-- migrate:down`
  goose,           ///< both ways in one text, below `-- +goose Up` and `-- +goose Down`
};

/// How the schema stands.
struct MigrationStatus {
  /// A step that was applied.
  struct Applied {
    int version = 0;          ///< its number
    std::string name{};       ///< of the step
    TimePoint at{};           ///< when it was applied
    int compatible_from = 0;  ///< as `Migration::compatible_from`, which it had when it was applied
  };
  /// Highest version applied; 0: none. May be above `latest`: a newer library has migrated, and its steps are
  /// compatible with this one, which goes on working.
  int current = 0;
  int latest = 0;                  ///< highest version this library knows
  std::vector<Applied> applied{};  ///< in order
  /// Empty when this library can work with it or bring it up; else a sentence with what to do: newer and not
  /// compatible, gap, changed checksum, tables without a record of their version.
  std::string problem{};
};

/// Thread-safety: all members from any thread and from many processes at once: one works, the others wait and find it
/// done. Errors: schema when the tables were changed by hand, or are newer than the library and not compatible with it;
/// invalid_argument for a version that does not exist; and those of any call. After an error the schema is as it was
/// before the step that failed, or in the middle of it where the step or the database has no transaction for it.
class SQLQ_API Migrator {
 public:
  /// On this database; asks it nothing.
  explicit Migrator(Database db) : db_(std::move(db)) {}

  /// Applies the missing steps, up to `target` (default: the latest). Idempotent. Returns how many steps were applied.
  /// Does nothing where a newer library has migrated further and its steps are compatible with this one.
  int up(std::optional<int> target = {});
  /// Undoes all steps above `target` (0 or more), newest first. Jobs in dropped tables are gone. Errors: schema also
  /// when a newer library made one of the steps: only a library that knows a step can undo it.
  int down(int target);
  /// How the schema stands now. Changes nothing.
  [[nodiscard]] MigrationStatus status() const;
  /// The SQL that up (from < to) or down (from > to) would run, for other migration tools or for review. It keeps the
  /// library's record as well: a schema that it made is accepted as if `up` had made it. It has no BEGIN and no COMMIT:
  /// run it in one transaction where the database has such for DDL (share/doc/sqlq/docs/operations.md).
  /// A step that runs outside of a transaction (`Migration::up_in_transaction`) says so in a comment, and to dbmate and
  /// goose in their own words. Errors: invalid_argument for dbmate and goose unless from < to, for they hold both ways;
  /// and when such a step is not the only one, for what they are told holds for the whole text.
  [[nodiscard]] std::string sql(int from, int to, SqlForm form = SqlForm::plain) const;
  /// The steps this library knows.
  [[nodiscard]] std::vector<Migration> steps() const;
  /// Drops everything sqlq has made, whatever version it is, and nothing else. All jobs are gone.
  void teardown();

 private:
  Database db_;
};

}  // namespace sqlq
