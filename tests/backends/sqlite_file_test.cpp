// What only a file can have: names, modes, replacement, versions, options.

#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include <sqlq/admin.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/sqlite.hpp>

#include "backends/sqlite_scratch.hpp"
#include "errors.hpp"
#include "support/expect_error.hpp"
#include "version_check.hpp"

namespace sqlq::sqlite {
namespace {

using testing::expect_error;

class SqliteFile : public Scratch {
 protected:
  SqliteFile() { backend::register_backend("sqlite", factory()); }

  Database open(const std::string& options = {}) const {
    auto db = backend::open(url(options));
    db.migrate();
    return db;
  }
  [[nodiscard]] unsigned mode_of(const std::string& file) const {
    struct stat found {};
    EXPECT_EQ(::stat(file.c_str(), &found), 0) << file;
    return found.st_mode & 0777U;
  }
  static JobId enqueue(const Database& db) { return Client(db).enqueue(NewJob{.kind = "k"}).id; }
  /// A URL with this name leads to this file.
  static void expect_only_a_name(const std::string& file) {
    std::string encoded;
    for (const char c : file) {
      const auto at = std::string_view("?\"%#").find(c);
      encoded += at == std::string_view::npos ? std::string(1, c) : std::array{"%3F", "%22", "%25", "%23"}[at];
    }
    auto db = backend::open("sqlite://" + encoded);
    db.migrate();
    const JobId id = enqueue(db);
    EXPECT_TRUE(std::filesystem::exists(file));
    EXPECT_TRUE(Client(backend::open("sqlite://" + encoded)).find(id).has_value());
  }
};

/// Sets the mask of new files' modes for as long as it lives.
class Umask {
 public:
  explicit Umask(unsigned mask) : before_(static_cast<mode_t>(::umask(static_cast<mode_t>(mask)))) {}
  ~Umask() { ::umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t before_;
};

TEST_F(SqliteFile, NewFilesAreForTheirOwnerAloneUnderAnyUmask) {
  for (const unsigned mask : {0U, 022U, 077U, 0177U, 0777U}) {
    const std::string folder = path("umask_" + std::to_string(mask));
    std::filesystem::create_directory(folder);
    const Umask masked(mask);
    auto db = backend::open("sqlite://" + folder + "/jobs.db");
    db.migrate();
    enqueue(db);
    EXPECT_EQ(Client(db).claim().size(), 1U);
    std::set<std::string> found;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      found.insert(file.path().filename().string());
      EXPECT_EQ(mode_of(file.path().string()), 0600U) << file.path() << " under umask " << mask;
    }
    EXPECT_EQ(found, (std::set<std::string>{"jobs.db", "jobs.db-wal", "jobs.db-shm"}));
  }
}

TEST_F(SqliteFile, AFileThatIsThereKeepsItsModeAndGivesItToTheRest) {
  for (const unsigned mode : {0640U, 0644U, 0666U}) {
    const std::string file = path("mode_" + std::to_string(mode));
    std::ofstream(file).close();
    std::filesystem::permissions(file, std::filesystem::perms(mode));
    const Umask masked(077);
    const auto db = backend::open("sqlite://" + file);
    db.migrate();
    enqueue(db);
    for (const char* part : {"", "-wal", "-shm"}) EXPECT_EQ(mode_of(file + part), mode) << part;
  }
}

TEST_F(SqliteFile, ALinkThatLeadsNowhereIsNotFollowed) {
  std::filesystem::create_symlink(path("elsewhere.db"), path());
  expect_error(Errc::configuration, "the folder must exist", [&] { (void)backend::open(url()); });
  EXPECT_FALSE(std::filesystem::exists(path("elsewhere.db")));
}

TEST_F(SqliteFile, OddNamesAreOnlyNames) {
  // A quote, a question mark and something that SQLite would take for a URI with options.
  expect_only_a_name(path("file:a\"b?mode=memory.db"));
}

/// Those that every system allows in the name of a file.
TEST_F(SqliteFile, SoAreThoseWithWhatHasAMeaningInUrlsShellsAndSql) {
  expect_only_a_name(path("it's 100%25 &mode=memory;#$(x)`y`.db"));
}

TEST_F(SqliteFile, RelativeNamesWithAndWithoutSlashes) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(std::filesystem::path(path()).parent_path());
  for (const char* form : {"sqlite:rel.db", "sqlite://rel.db"}) {
    auto db = backend::open(form);
    db.migrate();
    enqueue(db);
  }
  std::filesystem::current_path(before);
  EXPECT_EQ(Native(path("rel.db")).query("SELECT count(*) FROM sqlq_jobs"), std::vector<std::string>{"2"});
}

/// Its own connections are opened when they are needed, and its files are looked at by their names.
TEST_F(SqliteFile, ARelativeNameMeansTheSameFileInEveryFolder) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(std::filesystem::path(path()).parent_path());
  auto db = backend::open("sqlite:rel.db");
  db.migrate();
  enqueue(db);
  std::filesystem::create_directory("other");
  std::filesystem::current_path("other");
  const JobId second = enqueue(db);
  EXPECT_TRUE(Client(db).find(second).has_value());
  EXPECT_NE(db.description().find(path("rel.db")), std::string::npos) << db.description();
  std::filesystem::current_path(before);
  EXPECT_FALSE(std::filesystem::exists(path("other/rel.db")));
  EXPECT_EQ(Native(path("rel.db")).query("SELECT count(*) FROM sqlq_jobs"), std::vector<std::string>{"2"});
}

TEST_F(SqliteFile, ARelativeNameInAFolderThatIsGoneIsExplained) {
  const auto before = std::filesystem::current_path();
  std::filesystem::create_directory(path("gone"));
  std::filesystem::current_path(path("gone"));
  std::filesystem::remove(path("gone"));
  expect_error(Errc::configuration, "working directory", [&] { (void)backend::open("sqlite:rel.db"); });
  std::filesystem::current_path(before);
}

TEST_F(SqliteFile, UnknownOptionsAndBadValuesListTheRightOnes) {
  expect_error(Errc::invalid_argument, "synchronous", [&] { (void)backend::open(url("?sync=full")); });
  expect_error(Errc::invalid_argument, "normal", [&] { (void)backend::open(url("?synchronous=off")); });
  expect_error(Errc::invalid_argument, "busy_timeout", [&] { (void)backend::open(url("?busy_timeout=5")); });
  expect_error(Errc::invalid_argument, "readers", [&] { (void)backend::open(url("?readers=0")); });
  expect_error(Errc::invalid_argument, "memory", [&] { (void)backend::open("sqlite:"); });
  EXPECT_FALSE(std::filesystem::exists(path())) << "refused before anything is made";
}

TEST_F(SqliteFile, SynchronousIsFullUnlessAskedFor) {
  EXPECT_EQ(open().description().find("normal"), std::string::npos);
  EXPECT_NE(open("?synchronous=normal").description().find("synchronous=normal"), std::string::npos);
}

TEST_F(SqliteFile, AReplacedFileIsNoticedBeforeAnythingIsAcknowledged) {
  auto db = open();
  const JobId first = enqueue(db);
  std::filesystem::rename(path(), path("moved.db"));
  expect_error(Errc::corrupt, "deleted or replaced", [&] { enqueue(db); });
  expect_error(Errc::corrupt, "deleted or replaced", [&] { (void)Client(db).find(first); });
  { Native other(path()); }  // another file under the old name
  expect_error(Errc::corrupt, "deleted or replaced", [&] { enqueue(db); });
  expect_error(Errc::corrupt, "deleted or replaced", [&] { (void)Client(db).find(first); });
}

/// Empty pages behind the end take no room on the disk, and SQLite does not mind them.
TEST_F(SqliteFile, AFileThatGrowsOverFourGigabytesIsTheSameFile) {
  auto db = open();
  const JobId first = enqueue(db);
  std::filesystem::resize_file(path(), std::uintmax_t{5} << 30);
  const JobId second = enqueue(db);
  EXPECT_TRUE(Client(db).find(first));
  auto again = open();
  EXPECT_TRUE(Client(again).find(second));
  enqueue(again);
}

/// What goes into a deleted WAL is gone with the process, and others begin a new one meanwhile; without the index that
/// others use, writers and checkpoints do not see each other.
TEST_F(SqliteFile, ADeletedWalOrIndexIsNoticedBeforeAnythingIsAcknowledged) {
  for (const std::string part : {"-wal", "-shm"}) {
    const std::string name = path("without" + part + ".db");
    const auto db = backend::open("sqlite://" + name);
    db.migrate();
    const JobId first = enqueue(db);
    std::filesystem::remove(name + part);
    const std::string told = part + "' was deleted or replaced";
    expect_error(Errc::corrupt, told, [&] { enqueue(db); });
    expect_error(Errc::corrupt, told, [&] { (void)Client(db).find(first); });
    { const std::ofstream other(name + part); }  // another one in its place
    expect_error(Errc::corrupt, told, [&] { enqueue(db); });
  }
}

/// They lie beside the file that the link leads to.
TEST_F(SqliteFile, TheWalOfALinkedFileIsWatchedToo) {
  std::filesystem::create_directory(path("elsewhere"));
  std::ofstream(path("elsewhere/real.db")).close();
  std::filesystem::create_symlink(path("elsewhere/real.db"), path());
  auto db = open();
  enqueue(db);
  std::filesystem::remove(path("elsewhere/real.db-wal"));
  expect_error(Errc::corrupt, "real.db-wal' was deleted or replaced", [&] { enqueue(db); });
}

TEST_F(SqliteFile, WhatIsRefusedBecauseTheFileIsAwayWasNotStored) {
  auto db = open();
  enqueue(db);
  std::filesystem::rename(path(), path("away.db"));
  for (int i = 0; i < 3; ++i) expect_error(Errc::corrupt, "nothing was written", [&] { enqueue(db); });
  std::filesystem::rename(path("away.db"), path());
  EXPECT_EQ(Admin(db).counts()[JobState::pending].value, 1U);
  enqueue(db);
  EXPECT_EQ(Admin(db).counts()[JobState::pending].value, 2U);
}

TEST_F(SqliteFile, TheApplicationsOwnThingsAreLeftAlone) {
  Native native(path());
  ASSERT_EQ(native.exec("PRAGMA user_version = 42; PRAGMA application_id = 7; CREATE TABLE mine (x);"
                        "INSERT INTO mine VALUES (1)"),
            SQLITE_OK);
  auto db = open();
  enqueue(db);
  Migrator(db).teardown();
  EXPECT_EQ(native.query("PRAGMA user_version"), std::vector<std::string>{"42"});
  EXPECT_EQ(native.query("PRAGMA application_id"), std::vector<std::string>{"7"});
  EXPECT_EQ(native.query("SELECT x FROM mine"), std::vector<std::string>{"1"});
  EXPECT_EQ(native.query("SELECT name FROM sqlite_master WHERE name LIKE 'sqlq%'"), std::vector<std::string>{});
}

TEST_F(SqliteFile, ALockHeldTooLongIsABusyErrorWithinTheTimeout) {
  auto db = open("?busy_timeout=20ms");
  const Native other(path());
  ASSERT_EQ(other.exec("BEGIN IMMEDIATE"), SQLITE_OK);
  expect_error(Errc::busy, "busy_timeout", [&] { enqueue(db); });
  ASSERT_EQ(other.exec("COMMIT"), SQLITE_OK);
  enqueue(db);
}

TEST_F(SqliteFile, ALongReadEndsAtItsTimeout) {
  auto db = open("?read_timeout=1ms");
  for (const auto& [kind, n] : {std::pair("old", 11000U), std::pair("k", 40000U)}) {
    Client(db).enqueue_many(std::vector<NewJob>(n, NewJob{.kind = kind}));
  }
  expect_error(Errc::busy, "read_timeout", [&] { (void)Admin(db).list({.kinds = {"old"}}); });
}

TEST(SqliteVersion, KnowsWhichOnesHaveTheWalResetBug) {
  for (const int bad : {3007000, 3040001, 3044005, 3045000, 3050006, 3051000, 3051002}) {
    EXPECT_TRUE(has_wal_reset_bug(bad)) << bad;
  }
  for (const int good : {3044006, 3044009, 3050007, 3051003, 3053002}) EXPECT_FALSE(has_wal_reset_bug(good)) << good;
}

Errc class_of(int code, std::string_view message) { return sqlite::classify({.code = code, .message = message}); }

TEST(SqliteErrors, AreClassifiedByTheirCode) {
  EXPECT_EQ(class_of(SQLITE_BUSY, ""), Errc::busy);
  EXPECT_EQ(class_of(SQLITE_BUSY_RECOVERY, ""), Errc::busy);
  EXPECT_EQ(class_of(SQLITE_BUSY_SNAPSHOT, ""), Errc::retry_transaction);
  EXPECT_EQ(class_of(SQLITE_FULL, ""), Errc::busy);
  EXPECT_EQ(class_of(SQLITE_READONLY, ""), Errc::permission);
  EXPECT_EQ(class_of(SQLITE_READONLY_DIRECTORY, ""), Errc::permission);
  EXPECT_EQ(class_of(SQLITE_READONLY_DBMOVED, ""), Errc::corrupt);
  EXPECT_EQ(class_of(SQLITE_IOERR_FSYNC, ""), Errc::outcome_unknown);
  EXPECT_EQ(class_of(SQLITE_CORRUPT_INDEX, ""), Errc::corrupt);
  EXPECT_EQ(class_of(SQLITE_NOTADB, ""), Errc::corrupt);
  EXPECT_EQ(class_of(SQLITE_CANTOPEN, ""), Errc::configuration);
  EXPECT_EQ(class_of(SQLITE_CONSTRAINT_CHECK, ""), Errc::refused);
  EXPECT_EQ(class_of(SQLITE_CONSTRAINT_TRIGGER, ""), Errc::refused);
  EXPECT_EQ(class_of(SQLITE_CONSTRAINT_UNIQUE, ""), Errc::refused);
  EXPECT_EQ(class_of(SQLITE_TOOBIG, ""), Errc::refused);
  EXPECT_EQ(class_of(SQLITE_ERROR, "no such table: sqlq_jobs"), Errc::schema);
  EXPECT_EQ(class_of(SQLITE_ERROR, "near \"x\": syntax error"), Errc::internal);
}

}  // namespace
}  // namespace sqlq::sqlite
