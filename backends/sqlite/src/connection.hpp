#pragma once
/// \file
/// One connection of our own to the database file.

#include <sqlite3.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "options.hpp"
#include "sql/session.hpp"

namespace sqlq::sqlite {

/// Which file a path leads to.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;

  /// All zero: none.
  [[nodiscard]] static FileId of(const char* path) noexcept;
  [[nodiscard]] bool operator==(const FileId&) const = default;
};

/// Opened with WAL, our busy handler, no automatic checkpoints and none on close (decision: docs/decisions). Not
/// thread-safe.
class Connection {
 public:
  enum class Role {
    writer,      ///< writes; the only connection of the process that does
    checkpoint,  ///< only runs checkpoints, while the writer holds the write lock
    reader,      ///< refuses to write; statements end with Errc::busy after read_timeout
  };

  /// Errors: connection (cannot open), corrupt (not a database), busy.
  Connection(const Options& options, Role role);
  ~Connection();

  [[nodiscard]] sql::Session& session() noexcept { return *session_; }
  [[nodiscard]] sqlite3* handle() noexcept { return handle_; }

  /// One or several statements without parameters and results.
  void exec(const std::string& sql);
  /// The first column of the first row of a pragma, as text.
  [[nodiscard]] std::string pragma(const std::string& sql);

  /// Takes the write lock, waiting up to busy_timeout.
  void begin_immediate();
  void commit();
  /// Ends a transaction if one is open; never throws.
  void rollback() noexcept;

  /// A value that changes whenever another connection has committed.
  [[nodiscard]] std::int64_t data_version();
  /// Pages in the WAL after this connection's last commit.
  [[nodiscard]] int wal_pages() const noexcept { return wal_pages_; }
  /// Copies what it can of the WAL into the file, without waiting for readers. True if all of it was copied. `writer`,
  /// another connection, holds the write lock meanwhile, so that nobody begins the WAL anew (decision 0005); when this
  /// throws it may hold it still.
  bool checkpoint(Connection& writer);

  /// Throws Errc::corrupt when the path no longer leads to the file that was opened, or, for the writer, that of the
  /// WAL to the one it writes: what is written now is lost.
  void check_file() const;
  /// Is `path` this database's file?
  [[nodiscard]] bool same_file(const char* path) const;

 private:
  void open();
  void close() noexcept;
  void configure(Role role);
  void enter_wal();
  [[nodiscard]] std::string wal_path() const;
  static int on_busy(void* self, int count);
  static int on_progress(void* self);
  static int on_wal(void* self, sqlite3* handle, const char* database, int pages);
  [[nodiscard]] static SteadyPoint now();

  const Options options_;
  sqlite3* handle_ = nullptr;
  std::unique_ptr<sql::Session> session_;
  SteadyPoint busy_until_{};
  SteadyPoint read_until_ = SteadyPoint::max();
  int wal_pages_ = 0;
  FileId file_{};
  FileId wal_{};  ///< of the writer; SQLite deletes it when the last connection closes, never before

  friend class ReadScope;
};

/// A read transaction on a reader, bounded by read_timeout: all statements see one snapshot.
class ReadScope {
 public:
  explicit ReadScope(Connection& connection);
  ~ReadScope();
  ReadScope(const ReadScope&) = delete;
  ReadScope& operator=(const ReadScope&) = delete;

 private:
  Connection& connection_;
};

}  // namespace sqlq::sqlite
