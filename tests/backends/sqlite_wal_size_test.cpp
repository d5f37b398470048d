// How long the WAL gets while somebody reads for long, and that it is cut afterwards.

#include <filesystem>
#include <memory>
#include <string>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
#include <sqlq/database.hpp>
#include <sqlq/sqlite.hpp>
#include <sqlq/testing/manual_clock.hpp>

#include "backends/sqlite_scratch.hpp"
#include "dialect.hpp"

namespace sqlq::sqlite {
namespace {

using namespace std::chrono_literals;

class SqliteWalSize : public Scratch {
 protected:
  static constexpr std::uintmax_t mib = 1 << 20;
  static constexpr int jobs = 100;

  SqliteWalSize() {
    Options options = Options::from(backend::Url::parse(url("?wal_limit=1&synchronous=normal")));
    auto dialect = std::make_unique<SqliteDialect>(options, clock_);
    db_ = std::make_unique<Database>(std::move(dialect), DatabaseOptions{.clock = clock_});
    db_->migrate();
  }

  /// Writes 10 MB while somebody reads what was there before.
  void write_beside_a_reader() {
    reader_ = std::make_unique<Native>(path());
    ASSERT_EQ(reader_->exec("BEGIN; SELECT count(*) FROM sqlq_jobs"), SQLITE_OK);
    const std::string text = '"' + std::string(100'000, 'x') + '"';
    for (int i = 0; i < jobs; ++i) Client(*db_).enqueue(NewJob{.kind = "k", .params = text});
    EXPECT_GT(wal(), 8 * mib);
  }
  void end_reading() { EXPECT_EQ(reader_->exec("COMMIT"), SQLITE_OK); }

  [[nodiscard]] std::uintmax_t wal() const { return std::filesystem::file_size(path() + "-wal"); }
  [[nodiscard]] std::string doctor() const {
    std::string all;
    for (const std::string& sentence : Admin(*db_).doctor()) all += sentence + '\n';
    return all;
  }
  void expect_whole() const {
    const Native native(path());
    EXPECT_EQ(native.query("PRAGMA integrity_check"), std::vector<std::string>{"ok"});
    EXPECT_EQ(native.query("SELECT count(*) FROM sqlq_jobs"), std::vector<std::string>{std::to_string(jobs)});
  }

  std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
  std::unique_ptr<Database> db_{};
  std::unique_ptr<Native> reader_{};
};

TEST_F(SqliteWalSize, ASweepCutsItWhenTheReaderIsGone) {
  write_beside_a_reader();
  EXPECT_EQ(Client(*db_).reap().total(), 0U);
  EXPECT_GT(wal(), 8 * mib);
  end_reading();
  clock_->advance(2s);
  EXPECT_EQ(Client(*db_).reap().total(), 0U) << "which writes nothing";
  EXPECT_LE(wal(), mib);
  expect_whole();
}

TEST_F(SqliteWalSize, AReaderOfItsEndIsWaitedForToo) {
  write_beside_a_reader();
  end_reading();
  ASSERT_EQ(reader_->exec("BEGIN; SELECT count(*) FROM sqlq_jobs"), SQLITE_OK);  // all can be copied, nothing cut
  clock_->advance(2s);
  EXPECT_EQ(Client(*db_).reap().total(), 0U);
  EXPECT_GT(wal(), 8 * mib);
  end_reading();
  clock_->advance(2s);
  EXPECT_EQ(Client(*db_).reap().total(), 0U);
  EXPECT_LE(wal(), mib);
  expect_whole();
}

TEST_F(SqliteWalSize, ACleanExitCutsIt) {
  write_beside_a_reader();
  end_reading();
  db_.reset();
  EXPECT_LE(wal(), mib);
  expect_whole();
}

TEST_F(SqliteWalSize, TheDoctorSaysWhyItIsLong) {
  EXPECT_EQ(doctor().find("write-ahead log"), std::string::npos) << doctor();
  write_beside_a_reader();
  EXPECT_NE(doctor().find("wal_limit (1 MiB): a connection has been reading for long"), std::string::npos) << doctor();
  end_reading();
  EXPECT_EQ(doctor().find("write-ahead log"), std::string::npos) << doctor();
  EXPECT_LE(wal(), mib);
}

}  // namespace
}  // namespace sqlq::sqlite
