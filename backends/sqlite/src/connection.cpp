#include "connection.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <utility>

#include <sqlq/clock.hpp>
#include <sqlq/error.hpp>

#include "errors.hpp"
#include "native_session.hpp"
#include "platform/pause.hpp"
#include "platform/random.hpp"
#include "schema.hpp"

namespace sqlq::sqlite {
namespace {

/// New files are for their owner alone, whatever the umask; SQLite gives -wal and -shm the same mode. Closing the
/// descriptor would drop all locks this process has on the file: O_EXCL says that nobody had it open before, and the
/// mutex in open() keeps our other connections from opening it meanwhile.
void create_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return;
  ::fchmod(fd, S_IRUSR | S_IWUSR);  // a umask may have taken even the owner's rights
  ::close(fd);
}

}  // namespace

FileId FileId::of(const char* path) noexcept {
  struct stat found {};
  if (::stat(path, &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

SteadyPoint Connection::now() {
  static const auto clock = system_clock();
  return clock->steady();
}

Connection::Connection(const Options& options, Role role) : options_(options) {
  open();
  session_ = std::make_unique<NativeSession>(handle_, NativeSession::Plans::kept);
  if (options_.around) session_ = options_.around(std::move(session_), handle_);
  try {
    configure(role);
  } catch (...) {
    close();
    throw;
  }
}

Connection::~Connection() { close(); }

void Connection::close() noexcept {
  session_.reset();
  sqlite3_close(handle_);
}

void Connection::open() {
  static std::mutex opening;
  const std::lock_guard lock(opening);
  if (!options_.in_memory() && options_.create) create_private(options_.path);
  const std::string name = options_.in_memory() ? ":memory:" : options_.path;
  // Our callers keep to one thread at a time. SQLITE_OPEN_URI is not given, so a name is only ever a name.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (options_.in_memory() ? SQLITE_OPEN_MEMORY : 0);
  const int rc = sqlite3_open_v2(name.c_str(), &handle_, flags, nullptr);
  if (rc != SQLITE_OK) {
    const std::string why = handle_ != nullptr ? sqlite3_errmsg(handle_) : "out of memory";
    sqlite3_close(std::exchange(handle_, nullptr));
    raise(rc, "cannot open '" + name + "': " + why, {});
  }
  sqlite3_extended_result_codes(handle_, 1);
  if (!options_.in_memory()) file_ = FileId::of(options_.path.c_str());
}

void Connection::configure(Role role) {
  sqlite3_busy_handler(handle_, &Connection::on_busy, this);
  exec("PRAGMA temp_store = MEMORY");
  if (options_.in_memory()) return;
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_hook(handle_, &Connection::on_wal, this);  // takes the place of the automatic checkpoints
  exec("PRAGMA mmap_size = 0");
  if (role == Role::writer) {
    enter_wal();
    (void)pragma("PRAGMA schema_version");  // the first look at the file opens its WAL
    wal_ = FileId::of(wal_path().c_str());
    exec("PRAGMA journal_size_limit = 67108864");
  }
  exec(options_.full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  if (role == Role::reader) {
    exec("PRAGMA query_only = 1");
    sqlite3_progress_handler(handle_, 20000, &Connection::on_progress, this);
  }
}

void Connection::enter_wal() {
  // Two connections that switch a new file at once make SQLite report a lock without asking the busy handler.
  for (const auto until = saturating_add(now(), options_.busy_timeout);;) {
    try {
      return exec("PRAGMA journal_mode = WAL");
    } catch (const Error& error) {
      if (error.code() != Errc::busy || now() >= until) throw;
      platform::pause_for(std::chrono::milliseconds(1));
    }
  }
}

void Connection::exec(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    raise(sqlite3_extended_errcode(handle_), sqlite3_errmsg(handle_), {});
  }
}

std::string Connection::pragma(const std::string& sql) {
  std::string value;
  const auto keep = [](void* into, int n, char** columns, char**) {
    if (n > 0 && columns[0] != nullptr) *static_cast<std::string*>(into) = columns[0];
    return 0;
  };
  if (sqlite3_exec(handle_, sql.c_str(), keep, &value, nullptr) != SQLITE_OK) {
    raise(sqlite3_extended_errcode(handle_), sqlite3_errmsg(handle_), {});
  }
  return value;
}

void Connection::rollback() noexcept {
  if (sqlite3_get_autocommit(handle_) == 0) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Connection::begin_immediate() { session_->execute(queries().begin); }

void Connection::commit() { session_->execute(queries().commit); }

std::int64_t Connection::data_version() { return session_->integer(queries().data_version).value_or(0); }

bool Connection::checkpoint(Connection& writer) {
  int in_wal = -1;
  int copied = -1;
  writer.begin_immediate();
  const int rc = sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &copied);
  writer.commit();
  if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) return false;
  if (rc != SQLITE_OK) raise(rc, sqlite3_errmsg(handle_), "checkpoint");
  return in_wal == copied;
}

void Connection::check_file() const {
  if (options_.in_memory()) return;
  const bool same = same_file(options_.path.c_str());
  if (same && (wal_ == FileId{} || FileId::of(wal_path().c_str()) == wal_)) return;
  throw Error(Errc::corrupt,
              "the file '" + (same ? wal_path() : options_.path) + "' was deleted or replaced while the database was "
              "open: what is written through this handle goes to the old file; close the Database and open it again",
              "sqlite");
}

bool Connection::same_file(const char* path) const { return path != nullptr && FileId::of(path) == file_; }

std::string Connection::wal_path() const { return options_.path + "-wal"; }

int Connection::on_busy(void* self, int count) {
  auto& c = *static_cast<Connection*>(self);
  if (count == 0) c.busy_until_ = saturating_add(now(), c.options_.busy_timeout);
  if (now() >= c.busy_until_) return 0;
  // Short, uneven naps: waiting in SQLite is unordered, and its own back-off of up to 100 ms starves the unlucky.
  platform::pause_for(Duration(200 + std::int64_t{platform::random_below(1000)}));
  return 1;
}

int Connection::on_progress(void* self) {
  const auto& c = *static_cast<Connection*>(self);
  return now() >= c.read_until_ ? 1 : 0;
}

int Connection::on_wal(void* self, sqlite3*, const char*, int pages) {
  static_cast<Connection*>(self)->wal_pages_ = pages;
  return SQLITE_OK;
}

ReadScope::ReadScope(Connection& connection) : connection_(connection) {
  connection_.read_until_ = saturating_add(Connection::now(), connection_.options_.read_timeout);
  connection_.exec("BEGIN");
}

ReadScope::~ReadScope() {
  connection_.read_until_ = SteadyPoint::max();
  connection_.rollback();
}

}  // namespace sqlq::sqlite
