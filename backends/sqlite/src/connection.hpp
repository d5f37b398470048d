#pragma once
/// \file
/// One connection of our own to the database file.

#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "core/lock_watch.hpp"
#include "file_id.hpp"
#include "options.hpp"
#include "sql/work.hpp"

namespace sqlq::sqlite {

/// Opened with WAL, our busy handler, no automatic checkpoints and none on close (decision: docs/decisions). Not
/// thread-safe.
class Connection final : public sql::Connection {
 public:
  enum class Role {
    writer,      ///< writes; the only connection of the process that does
    checkpoint,  ///< only runs checkpoints, while the writer holds the write lock
    reader,      ///< refuses to write; statements end with Errc::busy after read_timeout
  };

  /// Errors: configuration and permission (cannot open, or not write), corrupt (not a database), busy.
  /// `watch`, which may be null, hears of each try to take the write lock; it must live as long.
  Connection(const Options& options, Role role, core::LockWatch* watch = nullptr);
  ~Connection() override;

  [[nodiscard]] sql::Session& session() noexcept override { return *session_; }
  [[nodiscard]] sqlite3* handle() noexcept { return handle_; }

  /// One or several statements without parameters and results.
  void exec(const std::string& sql);
  /// The first column of the first row of a pragma, as text.
  [[nodiscard]] std::string pragma(const std::string& sql);

  /// Takes the write lock, waiting up to busy_timeout, and checks the files.
  void begin() override;
  /// Bounded by read_timeout until rollback().
  void begin_snapshot() override;
  void commit() override;
  /// Ends a transaction if one is open; never throws.
  void rollback() noexcept override;
  /// As exec, for migrations: these may also edit sqlite_master.
  void script(const std::string& text) override;
  [[nodiscard]] bool usable() const noexcept override { return usable_; }
  /// Something failed on it that may happen again: it is not to be used any more.
  void give_up() noexcept { usable_ = false; }

  /// A value that changes whenever another connection has committed.
  [[nodiscard]] std::int64_t data_version();
  /// Pages in the WAL after this connection's last commit.
  [[nodiscard]] int wal_pages() const noexcept { return wal_pages_; }
  /// Bytes of the WAL's file.
  [[nodiscard]] std::int64_t wal_size() const noexcept { return platform::look_at(wal_path_).size; }
  /// Bytes that this process may still write to the volume of the file.
  [[nodiscard]] std::int64_t free_space() const noexcept { return platform::free_bytes(options_.path); }
  /// The WAL is cut to so many bytes whenever it begins anew.
  void limit_wal(std::int64_t bytes);
  /// Writes something, after all of the WAL was copied: SQLite then begins it anew, unless somebody reads from it, and
  /// cuts it. Error(schema) where there are no tables yet.
  void begin_wal_anew();
  /// Copies what it can of the WAL into the file, without waiting for readers. True if all of it was copied. `writer`,
  /// another connection, holds the write lock meanwhile, so that nobody begins the WAL anew (decision 0005); when this
  /// throws it may hold it still.
  bool checkpoint(Connection& writer);

  /// Do the names still lead to what was opened: the file and, asked of the writer, its WAL and the index of that? What
  /// is written into others is lost. Before anything is written or read: Error(corrupt) when not, busy when the system
  /// cannot tell. Any thread.
  void check_files() const { check_files(Errc::corrupt, Errc::busy); }
  /// The same after a commit: Error(outcome_unknown) in both cases.
  void confirm() const { check_files(Errc::outcome_unknown, Errc::outcome_unknown); }
  /// Throws Errc::corrupt when `other`, opened later by the same path, has found another file there.
  void expect_file_of(const Connection& other) const;
  /// Does `path`, which may be null, lead to this database's file? Error(invalid_argument) when that cannot be told.
  [[nodiscard]] bool same_file(const char* path) const;

 private:
  void open();
  void remember_file();
  void remember_log();
  void check_files(Errc when_replaced, Errc when_unknown) const;
  [[noreturn]] static void refuse(const std::string& replaced, Errc code);
  void close() noexcept;
  void configure();
  void enter_wal();
  static int on_busy(void* self, int count);
  static int on_progress(void* self);
  static int on_wal(void* self, sqlite3* handle, const char* database, int pages);
  [[nodiscard]] static SteadyPoint now();

  const Options options_;
  const Role role_;
  core::LockWatch* const watch_;
  sqlite3* handle_ = nullptr;
  std::unique_ptr<sql::Session> session_;
  SteadyPoint busy_until_{};
  SteadyPoint read_until_ = SteadyPoint::max();
  int wal_pages_ = 0;
  bool usable_ = true;
  std::string wal_path_{};
  struct Opened {
    std::string path;
    FileId file;
  };
  /// The file, if it is not in memory; of the writer also its WAL and the index of that, which SQLite deletes when the
  /// last connection closes, never before.
  std::vector<Opened> opened_{};
};

}  // namespace sqlq::sqlite
