#include "connection.hpp"

#include <utility>

#include <sqlq/clock.hpp>
#include <sqlq/error.hpp>

#include "core/mutex.hpp"
#include "errors.hpp"
#include "native_session.hpp"
#include "platform/pause.hpp"
#include "platform/random.hpp"
#include "schema.hpp"

namespace sqlq::sqlite {
namespace {

/// New files are for their owner alone; SQLite gives -wal and -shm the same mode. The mutex in open() keeps our other
/// connections from opening the file meanwhile.
void create_private(const std::string& path) {
  const int refused = platform::create_private(path);
  if (refused == 0) return;
  raise({.code = SQLITE_CANTOPEN, .message = "cannot make the file", .file = path, .system_error = refused}, {});
}

}  // namespace

SteadyPoint Connection::now() {
  static const auto& clock = *new std::shared_ptr<Clock>(system_clock());  // never destroyed: CONTRIBUTING.md
  return clock->steady();
}

Connection::Connection(const Options& options, Role role, core::LockWatch* watch)
    : options_(options), role_(role), watch_(watch) {
  open();
  session_ = std::make_unique<NativeSession>(handle_, NativeSession::Plans::kept);
  if (options_.around) session_ = options_.around(std::move(session_), handle_);
  try {
    configure();
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
  static core::Mutex opening;
  const core::MutexLock lock(opening);
  if (!options_.in_memory() && options_.create) create_private(options_.path);
  const std::string name = options_.in_memory() ? ":memory:" : options_.path;
  // Our callers keep to one thread at a time. SQLITE_OPEN_URI is not given, so a name is only ever a name.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (options_.in_memory() ? SQLITE_OPEN_MEMORY : 0);
  const int rc = sqlite3_open_v2(name.c_str(), &handle_, flags, nullptr);
  if (rc != SQLITE_OK) {
    const std::string why = handle_ != nullptr ? sqlite3_errmsg(handle_) : "out of memory";
    const int refused = handle_ != nullptr ? sqlite3_system_errno(handle_) : 0;
    sqlite3_close(std::exchange(handle_, nullptr));
    raise({.code = rc, .message = why, .file = options_.path, .system_error = refused}, {});
  }
  sqlite3_extended_result_codes(handle_, 1);
  remember_file();
}

void Connection::remember_file() {
  if (options_.in_memory()) return;
  const platform::FileLook look = platform::look_at(options_.path);
  if (look.error != 0) {
    raise({.code = SQLITE_CANTOPEN, .message = "cannot look at the file", .file = options_.path,
           .system_error = look.error}, {});
  }
  opened_ = {{options_.path, look.id}};
  wal_path_ = std::string(sqlite3_db_filename(handle_, "main")) + "-wal";  // beside the file that a link leads to
}

void Connection::remember_log() {
  const std::string index_path = std::string(sqlite3_db_filename(handle_, "main")) + "-shm";
  for (const std::string& path : {wal_path_, index_path}) {
    platform::share_access(options_.path, path);
    if (const auto look = platform::look_at(path); look.error == 0) opened_.push_back({path, look.id});
  }
}

void Connection::configure() {
  sqlite3_busy_handler(handle_, &Connection::on_busy, this);
  exec("PRAGMA temp_store = MEMORY");
  if (options_.in_memory()) return;
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_hook(handle_, &Connection::on_wal, this);  // takes the place of the automatic checkpoints
  exec("PRAGMA mmap_size = 0");
  if (role_ == Role::writer) {
    // SQLite opens what it may not write for reading, and would say so at the first write.
    if (sqlite3_db_readonly(handle_, "main") == 1) {
      raise({.code = SQLITE_READONLY, .message = "the file is read-only for this process", .file = options_.path}, {});
    }
    enter_wal();
    (void)pragma("PRAGMA schema_version");  // the first look at the file opens its WAL
    remember_log();
    limit_wal(options_.wal_limit);
  }
  exec(options_.full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  if (role_ == Role::reader) {
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
    raise(Failure::of(handle_), {});
  }
}

void Connection::script(const std::string& text) {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);  // on by default in some builds of SQLite
  const int result = sqlite3_exec(handle_, text.c_str(), nullptr, nullptr, nullptr);
  const Failure failure = Failure::of(handle_);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0, nullptr);  // where the script was broken off
  if (result != SQLITE_OK) raise(failure, {});
}

std::string Connection::pragma(const std::string& sql) {
  std::string value;
  const auto keep = [](void* into, int n, char** columns, char**) {
    if (n > 0 && columns[0] != nullptr) *static_cast<std::string*>(into) = columns[0];
    return 0;
  };
  if (sqlite3_exec(handle_, sql.c_str(), keep, &value, nullptr) != SQLITE_OK) {
    raise(Failure::of(handle_), {});
  }
  return value;
}

void Connection::rollback() noexcept {
  read_until_ = SteadyPoint::max();
  if (sqlite3_get_autocommit(handle_) == 0) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Connection::begin() {
  session_->execute(queries().begin);
  if (watch_ != nullptr) watch_->got();
  check_files();
}

void Connection::begin_snapshot() {
  read_until_ = saturating_add(now(), options_.read_timeout);
  exec("BEGIN");
}

void Connection::commit() { session_->execute(queries().commit); }

std::int64_t Connection::data_version() { return session_->integer(queries().data_version).value_or(0); }

void Connection::begin_wal_anew() {
  begin();
  session_->execute(queries().fact_set, {{"name", std::string_view("wal")}, {"value", std::string_view("begun anew")}});
  commit();
}

void Connection::limit_wal(std::int64_t bytes) { exec("PRAGMA journal_size_limit = " + std::to_string(bytes)); }

bool Connection::checkpoint(Connection& writer) {
  int in_wal = -1;
  int copied = -1;
  writer.begin();
  const int rc = sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &copied);
  writer.commit();
  if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) return false;
  if (rc != SQLITE_OK) raise(Failure::of(handle_), "checkpoint");
  return in_wal == copied;
}

void Connection::check_files(Errc when_replaced, Errc when_unknown) const {
  if (platform::open_files_stay()) return;
  for (const Opened& one : opened_) {
    if (!leads_to(one.path, one.file, when_unknown)) refuse(one.path, when_replaced);
  }
}

void Connection::expect_file_of(const Connection& other) const {
  if (other.opened_.front().file != opened_.front().file) refuse(options_.path, Errc::corrupt);
}

void Connection::refuse(const std::string& replaced, Errc code) {
  const std::string what = "the file '" + replaced + "' was deleted or replaced while the database was open";
  const std::string rest =
      code == Errc::outcome_unknown
          ? " and this call wrote: what it wrote is in the old file, which others may not find; close the Database, "
            "open it again, and repeat the call with the same ids"
          : ": nothing was written; close the Database and open it again";
  throw Error(code, what + rest, "sqlite");
}

bool Connection::same_file(const char* path) const {
  return path != nullptr && leads_to(path, opened_.front().file, Errc::invalid_argument);
}

int Connection::on_busy(void* self, int count) {
  auto& c = *static_cast<Connection*>(self);
  if (c.watch_ != nullptr) c.watch_->taken();
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

}  // namespace sqlq::sqlite
