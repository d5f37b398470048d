// The one writer: shared commits, guilt by task, checkpoints under the write lock.

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "backends/sqlite_scratch.hpp"
#include "sql/catalogue.hpp"
#include "writer.hpp"

namespace sqlq::sqlite {
namespace {

const sql::Catalogue statements(R"(
-- name: add
-- params: x int
INSERT INTO t VALUES (:x)
-- name: blob
INSERT INTO b VALUES (randomblob(20000))
)");

class SqliteWriter : public Scratch {
 protected:
  SqliteWriter() {
    options_.path = path();
    options_.full_sync = false;
    options_.busy_timeout = std::chrono::seconds(5);
    writer_ = std::make_unique<Writer>(options_);
    writer_->exclusive([&](Connection& c) {
      c.exec("CREATE TABLE t (x INTEGER PRIMARY KEY); CREATE TABLE b (x)");
      sqlite3_commit_hook(
          c.handle(),
          [](void* n) {
            ++*static_cast<std::atomic<int>*>(n);
            return 0;
          },
          &commits_);
    });
    commits_ = 0;
  }

  void add(int x) {
    writer_->write([&](sql::Session& s) { s.execute(statements["add"], {{"x", x}}); });
  }
  [[nodiscard]] std::vector<std::string> numbers() const { return Native(path()).query("SELECT x FROM t ORDER BY x"); }

  /// Runs `body` while the writer is busy.
  void while_busy(const std::function<void()>& body) {
    std::latch busy(1);
    std::latch go(1);
    std::thread first([&] {
      writer_->exclusive([&](Connection&) {
        busy.count_down();
        go.wait();
      });
    });
    busy.wait();
    body();
    go.count_down();
    first.join();
  }

  /// Begins `start` on `n` threads while the writer is busy, so that all of them wait for it.
  void gather(int n, const std::function<void(int)>& start) {
    std::vector<std::thread> threads;
    while_busy([&] {
      for (int i = 1; i <= n; ++i) threads.emplace_back([&, i] { start(i); });
      while (writer_->waiting() < static_cast<std::size_t>(n)) std::this_thread::yield();
    });
    for (auto& t : threads) t.join();
  }

  Options options_;
  std::unique_ptr<Writer> writer_;
  std::atomic<int> commits_{0};
};

TEST_F(SqliteWriter, WorkThatGathersSharesOneCommit) {
  gather(16, [&](int i) { add(i); });
  EXPECT_EQ(numbers().size(), 16u);
  EXPECT_EQ(commits_, 1);
}

TEST_F(SqliteWriter, OnlyTheGuiltyTaskFails) {
  add(3);
  std::atomic<int> failed{0};
  gather(8, [&](int i) {
    try {
      add(i);
    } catch (const Error&) {
      EXPECT_EQ(i, 3);
      ++failed;
    }
  });
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(numbers(), (std::vector<std::string>{"1", "2", "3", "4", "5", "6", "7", "8"}));
}

/// Its file is moved right after a commit.
class MovedAfterCommit final : public sql::Session {
 public:
  MovedAfterCommit(std::unique_ptr<sql::Session> real, std::string from, std::string to)
      : real_(std::move(real)), from_(std::move(from)), to_(std::move(to)) {}
  [[nodiscard]] std::size_t longest_statement() const noexcept override { return real_->longest_statement(); }

 protected:
  std::size_t do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                         sql::RowSink sink) override {
    const std::size_t n = real_->execute(statement, args, sink);
    if (statement.name == "commit") std::filesystem::rename(from_, to_);
    return n;
  }

 private:
  std::unique_ptr<sql::Session> real_;
  std::string from_;
  std::string to_;
};

TEST_F(SqliteWriter, WhatWasCommittedIntoAFileThatIsLostIsUnknownAndNotRunAgain) {
  options_.around = [&](std::unique_ptr<sql::Session> real, sqlite3*) {
    return std::make_unique<MovedAfterCommit>(std::move(real), path(), path("away.db"));
  };
  writer_ = std::make_unique<Writer>(options_);
  std::atomic<int> unknown{0};
  std::atomic<int> refused{0};
  const auto tell = [&](int i) {
    try {
      add(i);
    } catch (const Error& e) {
      ++(e.outcome_unknown() ? unknown : refused);
    }
  };
  gather(8, tell);
  EXPECT_EQ(unknown, 8) << "they had been committed together";
  tell(9);
  EXPECT_EQ(refused, 1) << "nothing is begun in a file that is away";
  std::filesystem::rename(path("away.db"), path());
  EXPECT_EQ(numbers(), (std::vector<std::string>{"1", "2", "3", "4", "5", "6", "7", "8"}));
  tell(10);
  EXPECT_EQ(unknown, 9) << "alone it is the same";
  std::filesystem::rename(path("away.db"), path());
  EXPECT_EQ(numbers().size(), 9U);
}

TEST_F(SqliteWriter, WhoWaitedTogetherForAnothersLockIsToldTogether) {
  options_.busy_timeout = std::chrono::milliseconds(100);
  writer_ = std::make_unique<Writer>(options_);
  const Native other(path());
  std::atomic<bool> locked{true};
  std::atomic<int> failed{0};
  ASSERT_EQ(other.exec("BEGIN IMMEDIATE"), SQLITE_OK);
  gather(4, [&](int i) {
    try {
      add(i);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::busy);
      ++failed;
      // One of them had to wait for the lock; should another one wait after it, that one gets it.
      if (locked.exchange(false)) {
        EXPECT_EQ(other.exec("ROLLBACK"), SQLITE_OK);
      }
    }
  });
  EXPECT_EQ(failed, 4);
  EXPECT_TRUE(numbers().empty());
}

TEST_F(SqliteWriter, OfManyTheGuiltyIsFoundByHalves) {
  add(100);
  std::atomic<int> runs{0};
  std::atomic<int> failed{0};
  gather(64, [&](int i) {
    try {
      writer_->write([&](sql::Session& s) {
        ++runs;
        s.execute(statements["add"], {{"x", i == 37 ? 100 : i}});
      });
    } catch (const Error& e) {
      EXPECT_EQ(i, 37) << e.what();
      ++failed;
    }
  });
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(numbers().size(), 64U) << "innocents harmed: 0";
  EXPECT_EQ(commits_, 1 + 6) << "one for each half without it";
}

/// Somebody else takes the lock before the second transaction of those that are counted.
class OvertakenOnce final : public sql::Session {
 public:
  OvertakenOnce(std::unique_ptr<sql::Session> real, const Native& other, std::atomic<int>& begun)
      : real_(std::move(real)), other_(other), begun_(begun) {}
  [[nodiscard]] std::size_t longest_statement() const noexcept override { return real_->longest_statement(); }

 protected:
  std::size_t do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                         sql::RowSink sink) override {
    if (statement.name == "begin" && ++begun_ == 2) {
      EXPECT_EQ(other_.exec("BEGIN IMMEDIATE"), SQLITE_OK);
    }
    return real_->execute(statement, args, sink);
  }

 private:
  std::unique_ptr<sql::Session> real_;
  const Native& other_;
  std::atomic<int>& begun_;
};

TEST_F(SqliteWriter, AfterARefusalNobodyWaitsTwiceForTheLock) {
  const Native other(path());
  std::atomic<int> begun{0};
  options_.busy_timeout = std::chrono::milliseconds(100);
  options_.around = [&](std::unique_ptr<sql::Session> real, sqlite3*) {
    return std::make_unique<OvertakenOnce>(std::move(real), other, begun);
  };
  add(3);
  writer_ = std::make_unique<Writer>(options_);
  std::atomic<int> busy{0};
  begun = 0;
  gather(4, [&](int i) {
    try {
      add(i);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::busy);
      ++busy;
    }
  });
  EXPECT_EQ(busy, 4);
  EXPECT_EQ(begun, 2) << "all together, and the first half";
  EXPECT_EQ(other.exec("ROLLBACK"), SQLITE_OK);
  add(5);
  EXPECT_EQ(numbers(), (std::vector<std::string>{"3", "5"}));
  writer_.reset();
}

TEST_F(SqliteWriter, AnExceptionUndoesItsOwnWorkAlone) {
  EXPECT_THROW(writer_->write([&](sql::Session& s) {
    s.execute(statements["add"], {{"x", 1}});
    throw std::runtime_error("changed its mind");
  }),
               std::runtime_error);
  EXPECT_TRUE(numbers().empty());
  add(1);
  EXPECT_EQ(numbers().size(), 1u);
}

TEST_F(SqliteWriter, TryExclusiveDoesNotWait) {
  while_busy([&] { EXPECT_FALSE(writer_->try_exclusive([](Connection&) {})); });
  EXPECT_TRUE(writer_->try_exclusive([](Connection&) {}));
}

std::int64_t size_of(const std::string& file) {
  struct stat found {};
  return ::stat(file.c_str(), &found) == 0 ? found.st_size : -1;
}

TEST_F(SqliteWriter, TheWalIsCopiedBackAndDoesNotGrowForEver) {
  for (int i = 0; i < 2000; ++i) {
    writer_->write([&](sql::Session& s) { s.execute(statements["blob"]); });
  }
  EXPECT_GT(size_of(path()), 30'000'000) << "40 MB were written; most of it must be in the file";
  EXPECT_LT(size_of(path() + "-wal"), 12'000'000);
}

TEST_F(SqliteWriter, CheckpointsOnlyUnderTheWriteLock) {
  const Native other(path());
  // While somebody else holds the write lock there must be no checkpoint: our writes and checkpoints wait.
  ASSERT_EQ(other.exec("PRAGMA wal_autocheckpoint = 0; BEGIN IMMEDIATE; INSERT INTO b VALUES (randomblob(8000000))"),
            SQLITE_OK);
  const auto before = size_of(path());
  std::thread writing([&] { add(1); });
  while (!writer_->lock_watch().taken_since()) std::this_thread::yield();  // it is at BEGIN IMMEDIATE
  EXPECT_EQ(size_of(path()), before);
  ASSERT_EQ(other.exec("COMMIT"), SQLITE_OK);
  writing.join();
  EXPECT_GT(size_of(path()), before + 7'000'000) << "the commit saw a long WAL and copied it back";
}

TEST_F(SqliteWriter, ClosingCopiesTheWalBackAndLeavesItToOthers) {
  const Native other(path());
  add(1);
  const auto before = size_of(path());
  writer_.reset();
  EXPECT_GT(size_of(path()), before);
  EXPECT_GE(size_of(path() + "-wal"), 0) << "not deleted while others have it open";
  EXPECT_EQ(other.query("SELECT x FROM t"), std::vector<std::string>{"1"});
}

}  // namespace
}  // namespace sqlq::sqlite
