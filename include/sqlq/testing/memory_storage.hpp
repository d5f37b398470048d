#pragma once
/// \file
/// A database in memory that is not one: the meaning of a queue in plain C++, for tests without a server or a file.
///
///     sqlq::testing::MemoryStorage storage;
///     sqlq::Database db = storage.open();                        // another open() is another process on the same jobs
///     db.migrate();
///
/// It passes the whole conformance suite, and is written to be read: where the contracts of backend/dialect.hpp leave a
/// question, src/testing/memory_queue.cpp is the answer. It is not made for speed: a claim costs as much as there are
/// jobs, finished ones too. Nothing survives the process.

#include <memory>
#include <string>

#include <sqlq/clock.hpp>
#include <sqlq/database.hpp>
#include <sqlq/export.hpp>
#include <sqlq/tx.hpp>

namespace sqlq::testing {

/// Where the jobs are. Lifetime: copies, handles and connections share it; the last of them ends it.
/// Thread-safety: all members from any thread.
class SQLQ_API MemoryStorage {
 public:
  /// Empty and not migrated.
  MemoryStorage();

  /// A handle. Leases are measured by the steady clock of the options, due times by its wall clock.
  [[nodiscard]] Database open(DatabaseOptions options = {}) const;
  /// The bare dialect, for wrapping it in one of your own (faults, counters).
  /// Include sqlq/backend/dialect.hpp to use it. `clock` is not null.
  [[nodiscard]] std::unique_ptr<backend::Dialect> connect(std::shared_ptr<Clock> clock) const;

  /// For tests of what happens with a schema of another version: records that this migration was applied with this
  /// checksum, as a newer library (version 2 or more) or an edited script would have done. `compatible_from`: as in
  /// Migration.
  void record_migration(int version, std::string checksum, int compatible_from = 0);

  /// For tests of what a database refuses for good, as by a trigger or an encoding, until a teardown or a call with "":
  /// from now on a result, message or line of a log with this word in it is answered with Error(refused), a job whose
  /// params have it is neither started, taken back nor put back, and one whose result has it is not renewed, cancelled,
  /// moved or ended either.
  void refuse(std::string word);

  /// Inside the library only.
  struct Impl;

 private:
  friend class MemoryConnection;
  std::shared_ptr<Impl> impl_;
};

/// Stands for an application's own connection: it has transactions that sqlq can write into.
///
///     MemoryConnection mine{storage};
///     mine.begin();
///     client.enqueue(mine.tx(), job);
///     mine.commit();
///
/// A transaction sees the jobs as they are at each call, and its own writes. Nobody else sees those before the commit,
/// and nobody waits for it. At the commit its writes are made once more, on the jobs as they are then; if one of them
/// would be answered differently, nothing is written and commit throws Error(retry_transaction).
///
/// Thread-safety: one thread at a time. Lifetime: a transaction still open at the end is rolled back.
/// Errors: misuse for begin inside and for commit and rollback outside of a transaction.
class SQLQ_API MemoryConnection {
 public:
  /// A connection to this storage, outside of any transaction.
  explicit MemoryConnection(const MemoryStorage& storage);
  ~MemoryConnection();
  MemoryConnection(const MemoryConnection&) = delete;
  MemoryConnection& operator=(const MemoryConnection&) = delete;

  /// Begins a transaction.
  void begin();
  /// All that was done in it exists now.
  void commit();
  /// Nothing of it has been done.
  void rollback();
  /// Is one open?
  [[nodiscard]] bool in_transaction() const noexcept;
  /// The view of it that sqlq gets.
  [[nodiscard]] Tx tx() noexcept;

  /// Inside the library only.
  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sqlq::testing
