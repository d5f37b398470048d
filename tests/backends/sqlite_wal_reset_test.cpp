// The WAL-reset bug of SQLite, made to happen: a checkpoint that has read how many frames there are, all of which were
// copied before, is overtaken by a commit that begins the WAL anew. And why it does not happen to checkpoints of ours.

#include <functional>
#include <string>

#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/sqlite.hpp>

#include "backends/sqlite_scratch.hpp"
#include "support/sqlite_vfs.hpp"
#include "version_check.hpp"

namespace sqlq::sqlite {
namespace {

/// Stops checkpoints where they can be overtaken.
class Overtaking final : public Vfs {
 public:
  std::function<void()> overtake{};
  int stopped = 0;  ///< checkpoints

 private:
  void checkpoint_has_read_header(File&) override {
    ++stopped;
    if (overtake) overtake();
  }
};

class SqliteWalReset : public Scratch {
 protected:
  /// An application's connection that checkpoints only when it is told to.
  class User : public Native {
   public:
    explicit User(const std::string& path) : Native(path) {
      exec("PRAGMA wal_autocheckpoint = 0");
      sqlite3_db_config(handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
    [[nodiscard]] int checkpoint() const {
      return sqlite3_wal_checkpoint_v2(handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    }
  };

  Overtaking vfs_;
};

/// The table in version_check.hpp is right, and so is what the next test shows.
TEST_F(SqliteWalReset, HappensToCheckpointsWithoutTheWriteLock) {
  const User one(path());
  ASSERT_EQ(one.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER, text BLOB)"), SQLITE_OK);
  const User two(path());
  ASSERT_EQ(two.query("SELECT count(*) FROM t").front(), "0");  // from now on it has the WAL open
  for (int i = 0; i < 100; ++i) ASSERT_EQ(one.exec("INSERT INTO t VALUES (0, zeroblob(4000))"), SQLITE_OK);
  ASSERT_EQ(one.checkpoint(), SQLITE_OK);

  vfs_.overtake = [&] { EXPECT_EQ(one.exec("INSERT INTO t VALUES (1, '')"), SQLITE_OK); };
  ASSERT_EQ(two.checkpoint(), SQLITE_OK);
  EXPECT_EQ(vfs_.stopped, 1);
  ASSERT_EQ(one.exec("INSERT INTO t VALUES (2, '')"), SQLITE_OK);

  const bool lost = User(path()).query("SELECT n FROM t WHERE n = 2").empty();
  EXPECT_EQ(lost, has_wal_reset_bug(sqlite3_libversion_number())) << sqlite3_libversion();
}

TEST_F(SqliteWalReset, NobodyOvertakesOurCheckpoints) {
  backend::register_backend("sqlite", factory());
  backend::open(url()).migrate();
  const User other(path());
  ASSERT_EQ(other.exec("PRAGMA busy_timeout = 0; CREATE TABLE mine (n INTEGER)"), SQLITE_OK);
  int refused = 0;
  vfs_.stopped = 0;
  vfs_.overtake = [&] { refused += other.exec("INSERT INTO mine VALUES (1)") == SQLITE_BUSY ? 1 : 0; };
  {
    Client client(backend::open(url()));
    const std::string text = '"' + std::string(100'000, 'x') + '"';
    for (int i = 0; i < 100; ++i) client.enqueue(NewJob{.kind = "k", .params = text});  // 25 pages each
    EXPECT_GT(vfs_.stopped, 0);
    EXPECT_EQ(refused, vfs_.stopped);
    vfs_.stopped = refused = 0;
  }
  EXPECT_EQ(vfs_.stopped, 1) << "closing the last handle checkpoints too";
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(other.exec("INSERT INTO mine VALUES (1)"), SQLITE_OK) << "at another time";
}

}  // namespace
}  // namespace sqlq::sqlite
