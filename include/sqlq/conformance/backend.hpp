#pragma once
/// \file
/// The description of a backend for the conformance suite: where to test it, and the connections its users have.

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/database.hpp>
#include <sqlq/tx.hpp>

namespace sqlq::conformance {

/// A connection as an application would have it: opened by the application, with a client library of its choice, on
/// the same database as sqlq. The suite reads and writes the application's own tables with it and borrows its
/// transaction.
///
/// Thread-safety: one thread at a time. Errors: anything that derives from std::exception.
class UserConnection {
 public:
  virtual ~UserConnection() = default;
  /// Runs one statement. The suite uses only: CREATE TABLE t (n INTEGER), DROP TABLE t, INSERT INTO t VALUES (1), and
  /// the statements of Backend::newer_schema_sql, changed_checksum_sql and breakages.
  virtual void execute(const std::string& sql) = 0;
  /// The one number of the one row of a query: SELECT COUNT(*) FROM t.
  [[nodiscard]] virtual std::int64_t query_int(const std::string& sql) = 0;
  /// Begins a transaction.
  virtual void begin() { execute("BEGIN"); }
  /// Ends it well.
  virtual void commit() { execute("COMMIT"); }
  /// Takes it back.
  virtual void rollback() { execute("ROLLBACK"); }
  /// Is a transaction open, according to the connection itself?
  [[nodiscard]] virtual bool in_transaction() = 0;
  /// Every setting of the connection that a careless library could change, as one text (isolation, timeouts, pragmas,
  /// character set, ...). The suite compares it before and after.
  [[nodiscard]] virtual std::string settings() = 0;
  /// The view of this connection that sqlq gets.
  [[nodiscard]] virtual Tx tx() = 0;
};

/// One kind of connection that the backend can borrow from.
struct Handle {
  std::string name{};  ///< for messages: "native", "soci", ...
  std::function<std::unique_ptr<UserConnection>(const std::string& url)> open{};  ///< makes one
};

/// A way to break a migrated database from outside, so that an error of the database itself is about a job's values: a
/// trigger that raises an error with them in its text, a column too narrow or of another type, a constraint, a table
/// that is gone.
struct Breakage {
  std::string name{};              ///< for messages
  std::vector<std::string> sql{};  ///< statements for a UserConnection
};

/// A backend under test. Which tests apply is not said here: the suite asks the opened dialect for its capabilities.
struct Backend {
  /// Makes an empty scratch database, unlike any other of this and of all other processes, and returns its URL.
  /// `test` may be used as a part of its name: letters, digits and underscores, at most 60.
  std::function<std::string(const std::string& test)> create{};
  /// Removes it. All handles are closed by then.
  std::function<void(const std::string& url)> drop{};
  /// How an application opens the URL. Empty: backend::open; register the backend in the factory then.
  std::function<Database(const std::string& url, DatabaseOptions options)> open{};
  /// Kinds of connections to borrow from. At least one if the capability borrowed_transactions is declared.
  std::vector<Handle> handles{};
  /// Statements, run on a migrated database, that leave a schema as a newer library would make it...
  std::vector<std::string> newer_schema_sql{};
  /// ... and one whose recorded checksum is not that of the migration the library has. Both required with handles.
  std::vector<std::string> changed_checksum_sql{};
  /// Statements, run on a migrated database, that leave a schema as a newer library would make it whose step is
  /// compatible with the version before (`Migration::compatible_from`). Empty: the backend's steps never are.
  std::vector<std::string> compatible_schema_sql{};
  /// Statements that make each pending job a waiting one (JobState::waiting): the library makes none yet. Empty: the
  /// backend's schema has no such state.
  std::vector<std::string> waiting_jobs_sql{};
  /// How people with a shell begin anew: one deletes all jobs and nothing else...
  std::vector<std::string> emptied_jobs_sql{};
  /// ... one empties every table but that of the migrations, which leaves the database as they have made it: most tests
  /// leave theirs so to the next one, for making it is most of the time of a short test...
  std::vector<std::string> emptied_sql{};
  /// ... and one that table, too. All empty: there are no tables.
  std::vector<std::string> forgotten_sql{};
  /// As many as the database has ways to quote a value in its errors: no message of the backend's may have one in it.
  /// At least one with handles.
  std::vector<Breakage> breakages{};
  /// Ways in which the database can refuse a value for good. Run while a job is in state success whose result is
  /// "first"; from then on no result with the word "forbidden" in it can be stored, and everything else can but lines
  /// of logs with that word, which may be refused too. Triggers, constraints, unique indexes: as many as it has. At
  /// least one with handles, and the first also refuses any change of a job whose result has that word already, and to
  /// make a job pending or running whose params have it.
  std::vector<Breakage> refusals{};
};

/// Called once per test, so that nothing depends on the order of static initialisation.
using BackendFactory = Backend (*)();

/// The parameter of every test of the suite.
struct Candidate {
  std::string name{};             ///< of the instantiation
  BackendFactory make = nullptr;  ///< describes the backend
};
inline void PrintTo(const Candidate& candidate, std::ostream* out) { *out << candidate.name; }

}  // namespace sqlq::conformance
