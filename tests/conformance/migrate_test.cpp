// Schema versions: up, down, status, SQL, teardown; from many callers at once; never over what it does not know.

#include <sstream>
#include <utility>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/migrator.hpp>

namespace sqlq::conformance {
namespace {

void run_all(UserConnection& user, const std::vector<std::string>& statements) {
  for (const std::string& sql : statements) user.execute(sql);
}

/// As goose cuts a script: comments are passed over, and a line that ends with `;` ends a statement, but for what
/// stands between its marks.
std::vector<std::string> statements_of(const std::string& script) {
  std::vector<std::string> statements;
  std::string statement;
  bool marked = false;
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) {
    if (line == "-- +goose StatementBegin") marked = true;
    const bool end = line == "-- +goose StatementEnd";
    if (!line.empty() && !line.starts_with("--")) statement += line + '\n';
    if (!end && (marked || !line.ends_with(';') || line.starts_with("--"))) continue;
    marked = false;
    statements.push_back(std::exchange(statement, {}));
    statements.back().erase(statements.back().find_last_of(';'));
  }
  EXPECT_EQ(statement, "") << "a statement without an end";
  return statements;
}

/// The way up and the way down of a text that has both.
std::pair<std::string, std::string> ways_of(const std::string& text, const std::string& up, const std::string& down) {
  const auto middle = text.find(down);
  EXPECT_EQ(text.find(up), 0u);
  EXPECT_NE(middle, std::string::npos);
  return {text.substr(up.size(), middle - up.size()), text.substr(middle + down.size())};
}

/// Migration::up_script may be empty: a backend without SQL.
bool keeps_record(const Database& db) { return !Migrator{db}.steps().front().up_script.empty(); }

void drop_record(UserConnection& user, const Migrator& migrator) {
  const std::vector<std::string> up = statements_of(migrator.sql(0, migrator.status().latest));
  for (const std::string& sql : up) {  // CREATE TABLE IF NOT EXISTS <the record> (
    const auto begin = sql.find("CREATE TABLE IF NOT EXISTS ") + 27;
    if (sql.starts_with("CREATE TABLE") && sql.find("sqlq_migrations") != std::string::npos) {
      user.execute("DROP TABLE " + sql.substr(begin, sql.find(' ', begin) - begin));
      return;
    }
  }
  ADD_FAILURE() << "no statement makes the record";
}

}  // namespace

TEST_P(Migrate, AnEmptyDatabaseHasNoVersion) {
  const MigrationStatus status = Migrator{blank()}.status();
  EXPECT_EQ(status.current, 0);
  EXPECT_GE(status.latest, 1);
  EXPECT_TRUE(status.applied.empty());
  EXPECT_EQ(status.problem, "");
}

TEST_P(Migrate, WithoutItEveryCallSaysWhatToDo) {
  const std::optional<Error> error = error_of([&] { return Client{blank()}.enqueue(NewJob{.kind = "work"}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Errc::schema);
  EXPECT_FALSE(error->retryable());
  EXPECT_NE(std::string(error->what()).find("migrate"), std::string::npos) << error->what();
  EXPECT_EQ(code_of([&] { return Client{blank()}.claim(); }), "schema");
  EXPECT_EQ(code_of([&] { return Admin{blank()}.list(); }), "schema");
}

TEST_P(Migrate, UpBringsTheLatestVersionOnce) {
  Migrator migrator{blank()};
  const int latest = migrator.status().latest;
  EXPECT_EQ(migrator.up(), latest);
  EXPECT_EQ(migrator.up(), 0);
  const MigrationStatus status = migrator.status();
  EXPECT_EQ(status.current, latest);
  EXPECT_EQ(status.problem, "");
  ASSERT_EQ(status.applied.size(), static_cast<std::size_t>(latest));
  for (int i = 0; i < latest; ++i) {
    const MigrationStatus::Applied& step = status.applied[static_cast<std::size_t>(i)];
    EXPECT_EQ(step.version, i + 1);
    EXPECT_FALSE(step.name.empty());
    EXPECT_EQ(step.at, clock().now());
  }
}

TEST_P(Migrate, AgainChangesNothing) {
  const JobId id = enqueue();
  db().migrate();
  db().migrate();
  EXPECT_EQ(state(id), JobState::pending);
}

TEST_P(Migrate, UpAndDownStepByStep) {
  Migrator migrator{blank()};
  const int latest = migrator.status().latest;
  for (int version = 1; version <= latest; ++version) {
    EXPECT_EQ(migrator.up(version), 1);
    EXPECT_EQ(migrator.status().current, version);
  }
  for (int version = latest - 1; version >= 0; --version) {
    EXPECT_EQ(migrator.down(version), 1);
    EXPECT_EQ(migrator.status().current, version);
    EXPECT_EQ(migrator.down(version), 0);
  }
  EXPECT_EQ(code_of([&] { return Client{blank()}.claim(); }), "schema");
  EXPECT_EQ(migrator.up(), latest);
  EXPECT_TRUE(Client{blank()}.enqueue(NewJob{.kind = "work"}).inserted());
}

TEST_P(Migrate, VersionsThatDoNotExistAreRefused) {
  Migrator migrator{blank()};
  const int latest = migrator.status().latest;
  EXPECT_EQ(code_of([&] { return migrator.up(latest + 1); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return migrator.up(-1); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return migrator.down(-1); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return migrator.down(latest + 1); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return migrator.sql(0, latest + 1); }), "invalid_argument");
  EXPECT_EQ(migrator.status().current, 0);
}

TEST_P(Migrate, StepsAreNumberedAndComplete) {
  const std::vector<Migration> steps = Migrator{blank()}.steps();
  ASSERT_FALSE(steps.empty());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].version, static_cast<int>(i) + 1);
    EXPECT_FALSE(steps[i].name.empty());
    EXPECT_FALSE(steps[i].up.empty());
    EXPECT_FALSE(steps[i].down.empty());
    EXPECT_EQ(steps[i].checksum.size(), 16u);
    EXPECT_EQ(steps[i].checksum.find_first_not_of("0123456789abcdef"), std::string::npos);
  }
}

TEST_P(Migrate, TheSqlCanBePrintedWithoutRunningIt) {
  Migrator migrator{blank()};
  const std::vector<Migration> steps = migrator.steps();
  const int latest = static_cast<int>(steps.size());
  const std::string up = migrator.sql(0, latest);
  const std::string down = migrator.sql(latest, 0);
  std::size_t at = 0;
  for (const Migration& step : steps) {
    at = up.find(step.up, at);
    EXPECT_NE(at, std::string::npos) << step.version;
    EXPECT_NE(down.find(step.down), std::string::npos) << step.version;
  }
  EXPECT_EQ(migrator.status().current, 0);
}

TEST_P(Migrate, ThePrintedSqlLeavesWhatTheLibraryAccepts) {
  SQLQ_NEEDS(borrowed_transactions);
  if (!keeps_record(blank())) return;
  Migrator migrator{blank()};
  const int latest = migrator.status().latest;
  const std::pair<std::string, std::string> plain{migrator.sql(0, latest), migrator.sql(latest, 0)};
  EXPECT_EQ(migrator.sql(0, latest, SqlForm::flyway), plain.first);
  const auto dbmate = ways_of(migrator.sql(0, latest, SqlForm::dbmate), "-- migrate:up\n", "-- migrate:down\n");
  const auto goose = ways_of(migrator.sql(0, latest, SqlForm::goose), "-- +goose Up\n", "-- +goose Down\n");
  const auto connection = user();
  for (const auto& [up, down] : {plain, dbmate, goose}) {
    run_all(*connection, statements_of(up));
    const MigrationStatus made = migrator.status();
    EXPECT_EQ(made.current, latest);
    EXPECT_EQ(made.problem, "");
    ASSERT_EQ(made.applied.size(), static_cast<std::size_t>(latest));
    EXPECT_LT(std::chrono::abs(made.applied.back().at - system_clock()->now()), std::chrono::hours(1));
    EXPECT_EQ(migrator.up(), 0) << "there is nothing left to do";
    EXPECT_TRUE(Client{open(url())}.enqueue(NewJob{.kind = "work"}).inserted());
    run_all(*connection, statements_of(down));
    EXPECT_EQ(migrator.status().current, 0);
    EXPECT_EQ(migrator.status().problem, "");
  }
  EXPECT_EQ(migrator.up(), latest);
}

TEST_P(Migrate, FormsOfBothWaysWantAWayUp) {
  Migrator migrator{blank()};
  for (const SqlForm form : {SqlForm::dbmate, SqlForm::goose}) {
    EXPECT_EQ(code_of([&] { return migrator.sql(1, 0, form); }), "invalid_argument");
    EXPECT_EQ(code_of([&] { return migrator.sql(1, 1, form); }), "invalid_argument");
  }
}

TEST_P(Migrate, TablesWithoutARecordAreToldAndCanBeGivenOne) {
  SQLQ_NEEDS(borrowed_transactions);
  if (!keeps_record(blank())) return;
  const JobId id = enqueue();
  const auto connection = user();
  drop_record(*connection, Migrator{blank()});

  Database fresh = another();
  Migrator migrator{fresh};
  const MigrationStatus status = migrator.status();
  EXPECT_EQ(status.current, 0);
  EXPECT_NE(status.problem.find("no record"), std::string::npos) << status.problem;
  EXPECT_NE(status.problem.find("Migrator::sql"), std::string::npos) << "what to do";
  EXPECT_EQ(code_of([&] { return migrator.up(); }), "schema");
  EXPECT_EQ(code_of([&] { return migrator.down(0); }), "schema");
  EXPECT_EQ(code_of([&] { return Client{fresh}.claim(); }), "schema");

  for (const std::string& sql : statements_of(migrator.sql(0, status.latest))) {  // as the sentence says
    if (sql.find("sqlq_migrations") != std::string::npos) connection->execute(sql);
  }
  EXPECT_EQ(migrator.status().problem, "");
  EXPECT_EQ(migrator.up(), 0);
  EXPECT_EQ(Client{fresh}.find(id)->state, JobState::pending);
  migrator.teardown();
  EXPECT_EQ(migrator.up(), status.latest);
}

TEST_P(Migrate, TeardownForgetsEverything) {
  enqueue();
  Migrator migrator{db()};
  migrator.teardown();
  EXPECT_EQ(migrator.status().current, 0);
  EXPECT_EQ(code_of([&] { return client().claim(); }), "schema");
  migrator.teardown();
  EXPECT_GE(migrator.up(), 1);
  EXPECT_TRUE(admin().list().empty());
}

TEST_P(Migrate, TeardownOfNothingIsNothing) {
  Migrator{blank()}.teardown();
  EXPECT_EQ(Migrator{blank()}.status().current, 0);
}

TEST_P(Migrate, TheUsersTablesAreNobodysBusiness) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    user.execute("CREATE TABLE sqlquail (n INTEGER)");  // begins like ours
    user.execute("INSERT INTO user_rows VALUES (1)");
    user.execute("INSERT INTO sqlquail VALUES (1)");
    Migrator migrator{db()};
    migrator.teardown();
    EXPECT_EQ(user.query_int("SELECT COUNT(*) FROM user_rows"), 1);
    EXPECT_EQ(user.query_int("SELECT COUNT(*) FROM sqlquail"), 1);
    migrator.up();
    migrator.down(0);
    EXPECT_EQ(user.query_int("SELECT COUNT(*) FROM user_rows"), 1);
    EXPECT_EQ(user.query_int("SELECT COUNT(*) FROM sqlquail"), 1);
    user.execute("DROP TABLE sqlquail");
    migrator.up();
  });
}

TEST_P(Migrate, ANewerSchemaIsRefusedAndLeftAlone) {
  SQLQ_NEEDS(borrowed_transactions);
  const JobId id = enqueue();
  ASSERT_FALSE(backend().newer_schema_sql.empty());
  run_all(*user(), backend().newer_schema_sql);

  Database fresh = another();
  Migrator migrator{fresh};
  const MigrationStatus status = migrator.status();
  EXPECT_GT(status.current, status.latest);
  EXPECT_NE(status.problem, "");
  EXPECT_EQ(code_of([&] { return Client{fresh}.claim(); }), "schema");
  EXPECT_EQ(code_of([&] { return migrator.up(); }), "schema");
  EXPECT_EQ(code_of([&] { return migrator.down(0); }), "schema");
  EXPECT_EQ(migrator.status().current, status.current);
  EXPECT_EQ(state(id), JobState::pending) << "a handle that had checked before goes on";
  migrator.teardown();
  EXPECT_EQ(migrator.status().current, 0);
}

/// A deploy in steps: one new program migrates while the others are still the old ones, and some of them start again.
TEST_P(Migrate, ANewerSchemaThatIsCompatibleIsWorkedWith) {
  SQLQ_NEEDS(borrowed_transactions);
  if (backend().compatible_schema_sql.empty()) return;
  const JobId id = enqueue();
  run_all(*user(), backend().compatible_schema_sql);

  Database fresh = another();
  Migrator migrator{fresh};
  const MigrationStatus status = migrator.status();
  EXPECT_EQ(status.problem, "");
  EXPECT_EQ(status.current, status.latest + 1);
  ASSERT_EQ(status.applied.size(), static_cast<std::size_t>(status.current));
  EXPECT_EQ(status.applied.back().compatible_from, status.latest);
  EXPECT_EQ(migrator.up(), 0);
  EXPECT_EQ(migrator.up(status.latest), 0);
  fresh.migrate();
  EXPECT_EQ(Client{fresh}.claim().size(), 1u);
  EXPECT_EQ(Client{fresh}.find(id)->state, JobState::running);
  EXPECT_TRUE(Client{fresh}.enqueue(NewJob{.kind = "work"}).inserted());

  EXPECT_EQ(code_of([&] { return migrator.down(status.latest); }), "schema") << "it does not know how";
  EXPECT_EQ(code_of([&] { return migrator.down(0); }), "schema");
  EXPECT_EQ(migrator.status().current, status.current);
  migrator.teardown();
  EXPECT_EQ(migrator.status().current, 0);
}

/// The version before knows no such state: its jobs become pending, and none is lost.
TEST_P(Migrate, WaitingJobsSurviveTheWayBack) {
  SQLQ_NEEDS(borrowed_transactions);
  if (backend().waiting_jobs_sql.empty()) return;
  const JobId plain = enqueue({.unique_key = "key"});
  const JobId other = enqueue({.queue = "q", .priority = 3});
  run_all(*user(), backend().waiting_jobs_sql);
  Migrator{db()}.down(1);
  Migrator{db()}.up();
  EXPECT_EQ(state(plain), JobState::pending);
  EXPECT_EQ(enqueue({.unique_key = "key"}), plain);
  std::vector<JobId> claimed = ids_of(claim(10));
  EXPECT_EQ(claimed.size(), 2u);
  EXPECT_EQ(state(other), JobState::running);
}

TEST_P(Migrate, AChangedChecksumIsRefused) {
  SQLQ_NEEDS(borrowed_transactions);
  enqueue();
  ASSERT_FALSE(backend().changed_checksum_sql.empty());
  run_all(*user(), backend().changed_checksum_sql);

  Database fresh = another();
  Migrator migrator{fresh};
  EXPECT_NE(migrator.status().problem.find("teardown()"), std::string::npos) << "it says what to do";
  EXPECT_EQ(code_of([&] { return Client{fresh}.claim(); }), "schema");
  EXPECT_EQ(code_of([&] { return migrator.up(); }), "schema");
  migrator.teardown();
  EXPECT_EQ(migrator.status().problem, "");
  EXPECT_GE(migrator.up(), 1);
}

TEST_P(Migrate, TwentyCallersAtOnce) {
  SQLQ_NEEDS(shared_storage);
  use_system_clock();
  const std::string place = url();
  std::atomic<int> steps{0};
  in_threads(20, [&](int) {
    Database mine = open(place);
    steps += Migrator{mine}.up();
    EXPECT_TRUE(Client{mine}.enqueue(NewJob{.kind = "work"}).inserted());
  });
  const MigrationStatus status = Migrator{blank()}.status();
  EXPECT_EQ(steps, status.latest);
  EXPECT_EQ(status.current, status.latest);
  EXPECT_EQ(status.problem, "");
  EXPECT_EQ(admin().list().size(), 20u);
}

}  // namespace sqlq::conformance
