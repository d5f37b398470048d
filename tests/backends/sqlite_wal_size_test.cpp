// How long the WAL gets while somebody reads for long, and that it is cut afterwards.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
#include <sqlq/database.hpp>
#include <sqlq/sqlite.hpp>
#include <sqlq/testing/manual_clock.hpp>

#include "backends/sqlite_scratch.hpp"
#include "dialect.hpp"
#include "support/expect_error.hpp"
#include "support/sqlite_vfs.hpp"

namespace sqlq::sqlite {
namespace {

using namespace std::chrono_literals;

class SqliteWalSize : public Scratch {
 protected:
  static constexpr std::uintmax_t mib = 1 << 20;
  static constexpr int jobs = 100;

  SqliteWalSize() {
    Options options = Options::from(backend::Url::parse(url("?wal_limit=1&synchronous=normal")));
    auto dialect = make_dialect(options, clock_);
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
    for (const Finding& finding : Admin(*db_).doctor()) all += finding.sentence + '\n';
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

/// A disk that has no room for a longer WAL.
class SmallDisk final : public Vfs {
 public:
  static constexpr std::int64_t longest_wal = 512 << 10;

 protected:
  int write(File& f, const void* from, int n, std::int64_t at) override {
    const bool full = std::string_view(f.name).ends_with("-wal") && at + n > longest_wal;
    return full ? SQLITE_FULL : Vfs::write(f, from, n, at);
  }
};

class SqliteFullDisk : public Scratch {
 protected:
  [[nodiscard]] Database open() {
    Database db(make_dialect(Options::from(backend::Url::parse(url("?synchronous=normal"))), system_clock()));
    db.migrate();
    return db;
  }
  [[nodiscard]] std::string jobs() const { return Native(path()).query("SELECT count(*) FROM sqlq_jobs").at(0); }

  const NewJob job_{.kind = "k", .params = '"' + std::string(1000, 'x') + '"'};

 private:
  const SmallDisk disk_{};
};

TEST_F(SqliteFullDisk, MakesRoomInTheWalAndTriesOnceMore) {
  const Database db = open();
  for (int i = 0; i < 1000; ++i) Client(db).enqueue(job_);
  EXPECT_EQ(jobs(), "1000");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Client(db).claim({}, {}, 50).size(), 50U);
  EXPECT_LE(std::filesystem::file_size(path() + "-wal"), std::uintmax_t{SmallDisk::longest_wal});
}

TEST_F(SqliteFullDisk, BesideAReaderItSaysWhatToDo) {
  const Database db = open();
  Client(db).enqueue(job_);
  const Native reader(path());
  ASSERT_EQ(reader.exec("BEGIN; SELECT count(*) FROM sqlq_jobs"), SQLITE_OK);
  int stored = 1;
  const auto fill = [&] {
    for (;; ++stored) Client(db).enqueue(job_);
  };
  testing::expect_error(Errc::busy, "free space on the disk", fill);
  ASSERT_EQ(reader.exec("COMMIT"), SQLITE_OK);
  Client(db).enqueue(job_);
  EXPECT_EQ(jobs(), std::to_string(stored + 1)) << "what was refused was not stored";
}

}  // namespace
}  // namespace sqlq::sqlite
