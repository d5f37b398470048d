// What is refused, and in which words: files that may not be written or are none, transactions of the user's own, and
// what the system could not tell.

#include <sys/fsuid.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <sqlq/admin.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/sqlite.hpp>
#include <sqlq/testing/manual_clock.hpp>

#include "backends/sqlite_scratch.hpp"
#include "errors.hpp"
#include "platform/files.hpp"
#include "support/expect_error.hpp"

namespace sqlq::sqlite {
namespace {

using std::filesystem::perms;
using testing::error_of;
using testing::expect_error;
using testing::has;

/// For as long as it lives this thread reaches files as a user without rights of his own. (Root may write anything.)
class AsNobody {
 public:
  AsNobody() : group_(::setfsgid(65534)), user_(::setfsuid(65534)) {}
  ~AsNobody() {
    ::setfsuid(static_cast<unsigned>(user_));
    ::setfsgid(static_cast<unsigned>(group_));
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  int group_;
  int user_;
};

class SqliteRefusal : public Scratch {
 protected:
  SqliteRefusal() { backend::register_backend("sqlite", factory()); }
  ~SqliteRefusal() override { allow(folder(), perms::all); }

  Database open(const std::string& options = {}) const {
    auto db = backend::open(url(options));
    db.migrate();
    return db;
  }
  [[nodiscard]] std::string folder() const { return std::filesystem::path(path()).parent_path().string(); }
  static void allow(const std::string& what, perms rights) { std::filesystem::permissions(what, rights); }
  static constexpr perms reading = perms::owner_read | perms::group_read | perms::others_read;
  static constexpr perms entering = perms::owner_exec | perms::group_exec | perms::others_exec;

  static JobId enqueue(const Database& db) { return Client(db).enqueue(NewJob{.kind = "k"}).id; }
};

/// Nothing is waited for: with these timeouts the test would not end.
constexpr const char* patient = "?busy_timeout=1h&create=false";

TEST_F(SqliteRefusal, AReadOnlyFileIsAMatterOfPermissionAtOnce) {
  enqueue(open());  // in WAL mode
  { ASSERT_EQ(Native(path("other.db")).exec("CREATE TABLE t (x)"), SQLITE_OK); }
  allow(folder(), perms::all);
  for (const char* name : {"jobs.db", "other.db"}) {
    allow(path(name), reading);
    const AsNobody nobody;
    const std::string said = error_of(
        Errc::permission, [&] { (void)backend::open("sqlite://" + path(name) + patient); });
    EXPECT_TRUE(has(said, path(name)) && has(said, "writable")) << said;
  }
}

TEST_F(SqliteRefusal, AReadOnlyFolderIsAMatterOfPermissionAtOnce) {
  enqueue(open());
  { ASSERT_EQ(Native(path("other.db")).exec("CREATE TABLE t (x)"), SQLITE_OK); }
  std::filesystem::remove(path("jobs.db-wal"));
  std::filesystem::remove(path("jobs.db-shm"));
  for (const char* name : {"jobs.db", "other.db"}) allow(path(name), perms::all);
  allow(folder(), reading | entering);
  const AsNobody nobody;
  for (const char* name : {"jobs.db", "other.db", "new.db"}) {
    const std::string options = name == std::string("new.db") ? "?busy_timeout=1h" : patient;
    const std::string said = error_of(
        Errc::permission, [&] { (void)backend::open("sqlite://" + path(name) + options); });
    EXPECT_TRUE(has(said, path(name)) && has(said, "writable")) << said;
  }
}

TEST_F(SqliteRefusal, WhatIsNotThereIsAMatterOfConfiguration) {
  expect_error(Errc::configuration, "create=false", [&] { (void)backend::open(url("?create=false")); });
  EXPECT_FALSE(std::filesystem::exists(path()));
  expect_error(Errc::configuration, "the folder must exist",
               [&] { (void)backend::open("sqlite://" + path("none/jobs.db")); });
  expect_error(Errc::configuration, "this is a folder", [&] { (void)backend::open("sqlite://" + folder()); });
}

TEST_F(SqliteRefusal, AFileThatIsNoDatabaseIsNamed) {
  std::ofstream(path()) << std::string(4096, 'x');
  const std::string said = error_of(Errc::corrupt, [&] { (void)backend::open(url()); });
  EXPECT_TRUE(has(said, "not a database") && has(said, path())) << said;
}

TEST_F(SqliteRefusal, ANullPointerIsNamedAsOne) {
  const auto db = open();
  expect_error(Errc::invalid_argument, "null pointer",
               [&] { Client(db).enqueue(borrow(nullptr), NewJob{.kind = "k"}); });
  expect_error(Errc::invalid_argument, "null pointer",
               [&] { Client(db).enqueue(Tx(soci_session_type, nullptr), NewJob{.kind = "k"}); });
}

TEST_F(SqliteRefusal, TheOwnTransactionThatIsWaitedForIsPointedOut) {
  const auto db = open("?busy_timeout=20ms");
  const Native mine(path());
  ASSERT_EQ(mine.exec("BEGIN IMMEDIATE"), SQLITE_OK);
  const std::string said = error_of(Errc::busy, [&] { enqueue(db); });
  EXPECT_TRUE(has(said, "transaction of your own") && has(said, "sqlq::borrow") && has(said, path())) << said;
  Client(db).enqueue(borrow(mine.handle()), NewJob{.kind = "k"});
  EXPECT_EQ(mine.exec("COMMIT"), SQLITE_OK);
}

class SqliteBorrowRefusal : public SqliteRefusal {
 protected:
  /// What enqueueing into the transaction of `mine` says, which must be of that connection and not of one of ours.
  std::string refused(Errc code, const Native& mine) {
    std::string said =
        error_of(code, [&] { Client(db_).enqueue(borrow(mine.handle()), NewJob{.kind = "k"}); });
    EXPECT_TRUE(has(said, "your connection")) << said;
    for (const char* ours : {"busy_timeout=", "read_timeout", "next call", "borrow"}) {
      EXPECT_FALSE(has(said, ours)) << said;
    }
    mine.exec("ROLLBACK");
    return said;
  }

  Database db_ = open();
  Native mine_{path()};
};

TEST_F(SqliteBorrowRefusal, AnOldSnapshotIsToBeRunAgain) {
  ASSERT_EQ(mine_.exec("BEGIN; SELECT * FROM sqlq_jobs"), SQLITE_OK);
  enqueue(db_);
  const std::string said = refused(Errc::retry_transaction, mine_);
  EXPECT_TRUE(has(said, "roll your transaction back") && has(said, "BEGIN IMMEDIATE")) << said;
}

TEST_F(SqliteBorrowRefusal, ALockIsWaitedForAsLongAsTheConnectionSays) {
  sqlite3_busy_timeout(mine_.handle(), 0);
  const Native other(path());
  ASSERT_EQ(other.exec("BEGIN IMMEDIATE"), SQLITE_OK);
  ASSERT_EQ(mine_.exec("BEGIN"), SQLITE_OK);
  const std::string said = refused(Errc::busy, mine_);
  EXPECT_TRUE(has(said, "sqlite3_busy_timeout")) << said;
}

TEST_F(SqliteBorrowRefusal, AReadOnlyConnectionIsAMatterOfPermission) {
  ASSERT_EQ(mine_.exec("PRAGMA query_only = 1; BEGIN"), SQLITE_OK);
  const std::string said = refused(Errc::permission, mine_);
  EXPECT_TRUE(has(said, "query_only")) << said;
}

TEST(SqliteErrors, OfABorrowedConnectionAreOfItsTransaction) {
  EXPECT_EQ(sqlite::classify({.code = SQLITE_IOERR_WRITE, .owner = Owner::user}), Errc::retry_transaction);
  EXPECT_EQ(sqlite::classify({.code = SQLITE_CANTOPEN, .owner = Owner::user}), Errc::configuration);
}

TEST(SqliteErrors, AnOpenThatTheSystemRefusesIsClassifiedByItsReason) {
  const auto cannot_open = [](int why) { return sqlite::classify({.code = SQLITE_CANTOPEN, .system_error = why}); };
  EXPECT_EQ(cannot_open(EACCES), Errc::permission);
  EXPECT_EQ(cannot_open(EROFS), Errc::permission);
  EXPECT_EQ(cannot_open(EMFILE), Errc::busy);
  EXPECT_EQ(cannot_open(ENOENT), Errc::configuration);
  EXPECT_EQ(cannot_open(EISDIR), Errc::configuration);
}

TEST_F(SqliteRefusal, AfterARestartOfTheHostOneJobThatCannotBeChangedKeepsNoOther) {
  const auto clock = std::make_shared<testing::ManualClock>();
  std::vector<JobId> ids;
  {
    auto db = backend::open(url(), {.clock = clock});
    db.migrate();
    for (int i = 0; i < 20; ++i) ids.push_back(enqueue(db));
    ASSERT_EQ(Client(db).claim({}, {}, 20).size(), 20u);
  }
  const Native mine(path());
  ASSERT_EQ(mine.exec("CREATE TRIGGER keep BEFORE UPDATE ON sqlq_jobs WHEN old.id = '" + ids[6].to_string() +
                      "' BEGIN SELECT RAISE(ABORT, 'mine'); END"),
            SQLITE_OK);
  clock->restart_host();
  const auto db = backend::open(url(), {.clock = clock});
  EXPECT_EQ(Client(db).reap().returned.size(), 19u) << "innocents harmed: 0";
  EXPECT_EQ(Client(db).claim({}, {}, 20).size(), 19u);
  EXPECT_EQ(Client(db).find(ids[6])->state, JobState::running);
}

TEST_F(SqliteRefusal, AUniqueIndexOfTheUsersRefusesAJob) {
  const auto db = open();
  const Native mine(path());
  ASSERT_EQ(mine.exec("CREATE UNIQUE INDEX once ON sqlq_jobs (params)"), SQLITE_OK);
  Client client{db};
  static_cast<void>(client.enqueue(NewJob{.kind = "k", .params = "1"}));
  for (const char* key : {"", "key"}) {
    NewJob second{.kind = "k", .params = "1"};
    if (*key != 0) second.options.unique_key = key;
    expect_error(Errc::refused, "a unique index that is not the library's", [&] { (void)client.enqueue(second); });
  }
  EXPECT_EQ(Admin(db).counts()[JobState::pending].value, 1U);
}

/// As on a 32-bit system whose stat() cannot say the size of a large file.
TEST_F(SqliteRefusal, WhatCouldNotBeFoundOutIsNotCalledReplaced) {
  const auto db = open();
  const JobId before = enqueue(db);
  const std::string moved = folder() + ".moved";
  std::filesystem::rename(folder(), moved);
  std::filesystem::create_symlink(folder(), folder());  // leads to itself
  EXPECT_TRUE(platform::look_at(path()).unknown());
  const std::string said = error_of(Errc::busy, [&] { enqueue(db); });
  EXPECT_TRUE(has(said, "could not be found out") && has(said, path()) && !has(said, "replaced")) << said;
  expect_error(Errc::busy, "could not be found out", [&] { (void)Client(db).find(before); });
  std::filesystem::remove(folder());
  std::filesystem::rename(moved, folder());
  EXPECT_TRUE(Client(db).find(before).has_value());
  EXPECT_EQ(Admin(db).counts()[JobState::pending].value, 1U) << "nothing was written";
  enqueue(db);
}

TEST(SqliteFileId, ToldFromMissing) {
  EXPECT_TRUE(platform::look_at("/none/there").missing());
  EXPECT_TRUE((platform::FileLook{.error = EOVERFLOW}).unknown());
  EXPECT_FALSE(platform::look_at("/").unknown());
  EXPECT_FALSE(platform::look_at("/").missing());
}

}  // namespace
}  // namespace sqlq::sqlite
