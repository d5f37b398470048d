// Other people's connections, however they are set.

#include <optional>

#include "backends/mysql_fixture.hpp"

namespace sqlq::mysql {
namespace {

using namespace std::chrono_literals;

/// Texts that are cut, changed or executed where literals are written wrongly.
const char* const nasty = R"({"a":"it's \\ \" \n ' \\' -- ; \u00e9 %s ?","b":["\\\\","'"],)"
                          "\"c\":\"\xc3\xa9 \xf0\x9f\x98\x80\"}";

class MysqlBorrow : public OnServer {
 protected:
  [[nodiscard]] bool has_snapshot_isolation() const {
    return !native_.query("SHOW VARIABLES LIKE 'innodb_snapshot_isolation'").empty();
  }
  void begin_with_a_snapshot(bool isolated = false) const {
    native_.exec("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    if (has_snapshot_isolation()) {
      native_.exec("SET SESSION innodb_snapshot_isolation = " + std::string(isolated ? "ON" : "OFF"));
    }
    native_.exec("START TRANSACTION WITH CONSISTENT SNAPSHOT");
  }
  MysqlBorrow() : db_(open_migrated()), native_(url()) {}

  [[nodiscard]] Client client() const { return Client{db_}; }
  [[nodiscard]] Tx tx() const { return borrow(native_.handle()); }
  [[nodiscard]] Job row(JobId id) const { return client().find(id).value(); }

  /// Everything one can do inside a transaction, with nasty texts.
  void work_inside() const {
    const JobId waiting = client().enqueue({.kind = "c'\\", .options = {.queue = "q"}}).id;
    client().enqueue({.kind = "work", .options = {.queue = "mine", .priority = 1}});
    const std::vector<std::string> mine{"mine"};
    const Job held = client().claim(mine).at(0);
    NewJob job{.kind = "k'\\", .params = nasty, .options = {.queue = "q'\\ ", .unique_key = "u'\\"}};
    native_.exec("START TRANSACTION");
    const Enqueued made = client().enqueue(tx(), job);
    EXPECT_TRUE(made.inserted());
    EXPECT_EQ(client().enqueue(tx(), job).id, made.id);
    EXPECT_EQ(client().success(tx(), held, nasty), FinishStatus::applied);
    EXPECT_EQ(client().cancel(tx(), waiting), CancelStatus::cancelled);
    native_.exec("COMMIT");
    const Job found = row(made.id);
    EXPECT_EQ(found.params, nasty);
    EXPECT_EQ(found.queue, "q'\\ ");
    EXPECT_EQ(found.kind, "k'\\");
    EXPECT_EQ(found.unique_key, "u'\\");
    EXPECT_LT(std::chrono::abs(found.created_at - system_clock()->now()), 1min) << "UTC, whatever the time zone";
    EXPECT_EQ(row(held.id).result, nasty);
    EXPECT_EQ(row(waiting).state, JobState::cancelled);
    const std::vector<std::string> theirs{"q'\\ "};
    EXPECT_EQ(client().claim(theirs).at(0).params, nasty);
  }

  Database db_;
  Native native_;
};

TEST_P(MysqlBorrow, ANullPointerIsNamedAsOne) {
  testing::expect_error(Errc::invalid_argument, "null pointer",
                        [&] { client().enqueue(borrow(nullptr), NewJob{"k"}); });
  testing::expect_error(Errc::invalid_argument, "null pointer",
                        [&] { client().enqueue(Tx(soci_session_type, nullptr), NewJob{"k"}); });
}

TEST_P(MysqlBorrow, ErrorsNameTheServerThatItIs) {
  native_.exec("DROP TABLE sqlq_ready");
  testing::expect_error(Errc::schema, on_mariadb() ? "MariaDB: " : "MySQL: ",
                        [&] { (void)client().enqueue(NewJob{"k"}); });
}

TEST_P(MysqlBorrow, AnyModeWillDo) {
  work_inside();
  std::vector<std::string> modes{"", "NO_BACKSLASH_ESCAPES", "ANSI", "TRADITIONAL",
                                 "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,IGNORE_SPACE,HIGH_NOT_PRECEDENCE",
                                 "PAD_CHAR_TO_FULL_LENGTH,NO_AUTO_VALUE_ON_ZERO,NO_UNSIGNED_SUBTRACTION"};
  if (on_mariadb()) {
    modes.insert(modes.end(), {"ORACLE", "MSSQL", "SIMULTANEOUS_ASSIGNMENT", "EMPTY_STRING_IS_NULL",
                               "EMPTY_STRING_IS_NULL,NO_BACKSLASH_ESCAPES"});
  }
  for (const std::string& mode : modes) {
    SCOPED_TRACE("sql_mode: " + mode);
    native_.exec("DELETE FROM sqlq_ready");
    for (const char* table : {"jobs", "keys", "scheduled", "claims", "finished"}) {
      native_.exec(std::string("DELETE FROM sqlq_") + table);
    }
    native_.exec("SET SESSION sql_mode = '" + mode + "'");
    work_inside();
  }
}

TEST_P(MysqlBorrow, AnyTimeZoneDatabaseAndIsolationWillDo) {
  native_.exec("SET SESSION sql_safe_updates = 1, time_zone = '-11:00', lc_time_names = 'de_DE'");
  native_.exec("USE information_schema");
  const std::string database = "`" + options().database + "`.";
  for (const char* level : {"READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}) {
    SCOPED_TRACE(level);
    native_.exec(std::string("SET SESSION TRANSACTION ISOLATION LEVEL ") + level);
    work_inside();
    native_.exec("SET SESSION sql_safe_updates = 0");
    native_.exec("DELETE FROM " + database + "sqlq_ready");
    for (const char* table : {"jobs", "keys", "scheduled", "claims", "finished"}) {
      native_.exec("DELETE FROM " + database + "sqlq_" + table);
    }
    native_.exec("SET SESSION sql_safe_updates = 1");
  }
}

TEST_P(MysqlBorrow, NoDefaultDatabaseIsNeeded) {
  const Native other(server_url(GetParam()));
  const JobId waiting = client().enqueue({.kind = "work"}).id;
  client().enqueue({.kind = "work", .options = {.queue = "mine"}});
  const std::vector<std::string> mine{"mine"};
  const Job held = client().claim(mine).at(0);
  other.exec("START TRANSACTION");
  const Tx theirs = borrow(other.handle());
  EXPECT_TRUE(client().enqueue(theirs, NewJob{.kind = "work"}).inserted());
  EXPECT_EQ(client().cancel(theirs, waiting), CancelStatus::cancelled);
  EXPECT_EQ(client().error(theirs, held, "no"), FinishStatus::applied);
  other.exec("COMMIT");
  EXPECT_EQ(row(held.id).state, JobState::scheduled);
}

TEST_P(MysqlBorrow, AnOldSnapshotIsNotBelieved) {
  client().enqueue({.kind = "work"});
  const Job held = client().claim().at(0);
  begin_with_a_snapshot();
  // All that follows is younger than the snapshot.
  const NewJob job{.kind = "new", .options = {.queue = "new", .unique_key = "k"}};
  const JobId holder = client().enqueue(job).id;
  const JobId waiting = client().enqueue({.kind = "new"}).id;
  client().enqueue({.kind = "work", .options = {.queue = "later"}});
  const std::vector<std::string> later{"later"};
  const Job second = client().claim(later).at(0);
  EXPECT_EQ(client().enqueue(tx(), job).id, holder);
  EXPECT_EQ(client().enqueue(tx(), NewJob{.kind = "newer", .options = {.queue = "newest"}}).inserted(), true);
  EXPECT_EQ(client().cancel(tx(), waiting), CancelStatus::cancelled);
  EXPECT_EQ(client().error(tx(), second, "no"), FinishStatus::applied);
  EXPECT_EQ(client().success(tx(), held), FinishStatus::applied);
  native_.exec("COMMIT");
  EXPECT_EQ(row(waiting).state, JobState::cancelled);
  EXPECT_EQ(row(second.id).state, JobState::scheduled);
}

TEST_P(MysqlBorrow, HistoryGoesOnWhereASnapshotDoesNotSee) {
  const JobId id = client().enqueue({.kind = "work"}).id;
  begin_with_a_snapshot();
  client().release(client().claim().at(0));
  EXPECT_EQ(client().error(tx(), client().claim().at(0), "no"), FinishStatus::applied);
  native_.exec("COMMIT");
  EXPECT_EQ(Admin(db_).history(id).size(), 2u);
}

/// The default of MariaDB from 11.6 on.
TEST_P(MysqlBorrow, WithSnapshotIsolationWhatChangedSinceTheSnapshotIsARetry) {
  if (!has_snapshot_isolation()) return;  // MySQL and older versions of MariaDB
  client().enqueue({.kind = "known"});
  begin_with_a_snapshot(true);
  client().enqueue({.kind = "known"});
  EXPECT_TRUE(client().enqueue(tx(), NewJob{.kind = "known"}).inserted()) << "its queue and kind are older";
  client().enqueue({.kind = "new"});
  EXPECT_FALSE(testing::error_of(Errc::retry_transaction, [&] {
                 client().enqueue(tx(), NewJob{.kind = "new"});
               }).empty());
  native_.exec("ROLLBACK");
  begin_with_a_snapshot(true);
  EXPECT_TRUE(client().enqueue(tx(), NewJob{.kind = "new"}).inserted()) << "run again from its beginning";
  native_.exec("COMMIT");
}

TEST_P(MysqlBorrow, ADuplicateLeavesTheUsersTransactionWhole) {
  const NewJob job{.kind = "k", .options = {.unique_key = "k"}};
  client().enqueue(job);
  native_.exec("CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, n INT) AUTO_INCREMENT = 41");
  native_.exec("START TRANSACTION");
  native_.exec("INSERT INTO orders (n) VALUES (1)");
  const std::vector<NewJob> jobs{job, {.kind = "k"}, job, {.kind = "k"}};
  const auto made = client().enqueue_many(tx(), jobs);
  EXPECT_EQ(native_.number("SELECT LAST_INSERT_ID()"), 41) << "the user's own";
  EXPECT_FALSE(made[0].inserted());
  EXPECT_TRUE(made[1].inserted());
  EXPECT_FALSE(made[2].inserted());
  EXPECT_TRUE(made[3].inserted());
  native_.exec("COMMIT");
  EXPECT_EQ(native_.number("SELECT COUNT(*) FROM orders"), 1);
  EXPECT_EQ(client().claim({}, {}, 10).size(), 3u);
}

TEST_P(MysqlBorrow, WithoutAutocommitEveryStatementIsInATransaction) {
  native_.exec("SET autocommit = 0");
  const JobId id = client().enqueue(tx(), NewJob{.kind = "work"}).id;
  EXPECT_FALSE(client().find(id));
  native_.exec("COMMIT");
  EXPECT_TRUE(client().find(id));
}

TEST_P(MysqlBorrow, WhatWouldGarbleOrCutIsRefused) {
  const auto refused = [&](const std::string& set, const std::string& why) {
    const Native other(url());
    other.exec(set);
    other.exec("START TRANSACTION");
    testing::expect_error(Errc::invalid_argument, why,
                          [&] { client().enqueue(borrow(other.handle()), NewJob{.kind = "work"}); });
    other.exec("SELECT 1");
  };
  refused("SET NAMES latin1", "SET NAMES utf8mb4");
  refused("SET NAMES gbk", "SET NAMES utf8mb4");
  refused("SET character_set_results = NULL", "SET NAMES utf8mb4");
  refused("SET sql_select_limit = 1", "sql_select_limit");
  refused("SET unique_checks = 0", "unique_checks");
  native_.exec("START TRANSACTION READ ONLY");
  testing::expect_error(Errc::misuse, "your transaction is READ ONLY",
                        [&] { client().enqueue(tx(), NewJob{.kind = "work"}); });
  native_.exec("ROLLBACK");
  EXPECT_EQ(Admin(db_).counts().at(JobState::pending).value, 0u);
}

TEST_P(MysqlBorrow, ALostConnectionIsSaidToBeLost) {
  native_.exec("START TRANSACTION");
  client().enqueue(tx(), NewJob{.kind = "work"});
  Native(url()).exec("KILL " + std::to_string(native_.id()));
  testing::expect_error(Errc::connection, "your connection is lost and your transaction undone",
                        [&] { client().enqueue(tx(), NewJob{.kind = "work"}); });
  EXPECT_EQ(Admin(db_).counts().at(JobState::pending).value, 0u);
}

TEST_P(MysqlBorrow, AResultThatIsNotReadIsTheUsersToRead) {
  native_.exec("START TRANSACTION");
  ASSERT_EQ(mysql_query(native_.handle(), "SELECT 1"), 0);
  MYSQL_RES* const unread = mysql_use_result(native_.handle());
  testing::expect_error(Errc::misuse, "mysql_free_result", [&] { client().enqueue(tx(), NewJob{.kind = "work"}); });
  mysql_free_result(unread);
  EXPECT_TRUE(client().enqueue(tx(), NewJob{.kind = "work"}).inserted());
  native_.exec("COMMIT");
}

TEST_P(MysqlBorrow, NamesCompareByteByByte) {
  const std::vector<std::string> names{"a", "a ", "A", " a", "\xc3\xa4", "\xc3\xa0", "\xef\xbd\x81", "a\xe2\x80\x8b"};
  for (const std::string& name : names) {
    EXPECT_TRUE(client().enqueue({.kind = name, .options = {.queue = name, .unique_key = name}}).inserted()) << name;
  }
  EXPECT_EQ(Admin(db_).queues().size(), names.size());
  for (const std::string& name : names) {
    const std::vector<std::string> queue{name};
    const auto jobs = client().claim(queue, ClaimFilter{{name}}, 10);
    ASSERT_EQ(jobs.size(), 1u) << name;
    EXPECT_EQ(jobs[0].unique_key, name);
  }
}

SQLQ_MYSQL_PLACES(MysqlBorrow);

}  // namespace
}  // namespace sqlq::mysql
