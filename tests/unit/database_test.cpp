#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/testing/manual_clock.hpp>

#include "support/expect_error.hpp"
#include "support/fake_dialect.hpp"

namespace sqlq {
namespace {

using testing::error_of;
using testing::FakeDatabase;
using testing::FakeDialect;
using testing::has;

class SchemaDialect final : public FakeDialect {
 public:
  SchemaDialect() { known.push_back(Migration{2, "more", "alter tables;", "alter back;", "0"}); }

  int looked = 0;
  std::vector<int> migrated;
  backend::Now at;

  [[nodiscard]] MigrationStatus migration_status() override {
    ++looked;
    return status;
  }
  int migrate(backend::Direction, int target, backend::Now now) override {
    migrated.push_back(target);
    at = now;
    status.current = target;
    return 1;
  }
  void teardown() override { status.current = 0; }
  [[nodiscard]] std::vector<Finding> self_check() override {
    return {{.severity = Finding::Severity::note, .code = "old", .sentence = "an old version"}};
  }
};

using SchemaFake = FakeDatabase<SchemaDialect>;

std::string not_ready(const Database& db) {
  return error_of(Errc::schema, [&] { static_cast<void>(db.ready()); });
}

TEST(DatabaseReady, LooksOnceWhenAllIsWell) {
  SchemaFake f;
  EXPECT_EQ(&f.db.ready(), &f.fake);
  const Database copy = f.db;
  EXPECT_EQ(&copy.ready(), &f.fake);
  EXPECT_EQ(f.fake.looked, 1);
  copy.recheck();
  EXPECT_EQ(&f.db.ready(), &f.fake);
  EXPECT_EQ(f.fake.looked, 2);
}

TEST(DatabaseReady, SaysWhatToDo) {
  SchemaFake f;
  f.fake.status = {.current = 0, .latest = 2};
  EXPECT_EQ(not_ready(f.db), "the database has no sqlq tables yet: call migrate() once, or run `sqlq "
                             "schema up`");
  f.fake.status = {.current = 1, .latest = 2};
  EXPECT_EQ(not_ready(f.db), "the sqlq tables have version 1, this library needs 2: call migrate(), or run "
                             "`sqlq schema up`");
  f.fake.status = {.current = 3, .latest = 2};
  EXPECT_NO_THROW(static_cast<void>(f.db.ready())) << "of a newer library, without a problem";
  f.fake.status.problem = "step 1 was changed by hand";
  f.db.recheck();
  EXPECT_EQ(not_ready(f.db), "step 1 was changed by hand");
}

TEST(DatabaseReady, LooksAgainAfterATrouble) {
  SchemaFake f;
  f.fake.status = {.current = 0, .latest = 2};
  EXPECT_FALSE(not_ready(f.db).empty());
  f.fake.status.current = 2;  // another process migrated
  EXPECT_NO_THROW(static_cast<void>(f.db.ready()));
}

TEST(Database, NeedsADialectAndBringsDefaults) {
  EXPECT_THROW(Database(nullptr), Error);
  SchemaFake f;
  EXPECT_EQ(&f.db.clock(), system_clock().get());
  EXPECT_EQ(f.db.limits().max_bytes, std::size_t{1} << 20);
  EXPECT_EQ(f.db.description(), "fake");
}

TEST(Database, RefusesLimitsThatNoJobFits) {
  for (const PayloadLimits& wrong : {PayloadLimits{.max_bytes = 0}, PayloadLimits{.max_depth = -1}}) {
    const std::string said = error_of(Errc::invalid_argument, [&] { const SchemaFake f{{.limits = wrong}}; });
    EXPECT_TRUE(has(said, "DatabaseOptions::limits")) << said;
  }
}

TEST(Migrator, UpNeverGoesDown) {
  SchemaFake f;
  f.fake.status = {.current = 2, .latest = 2};
  EXPECT_EQ(Migrator{f.db}.up(), 0);
  EXPECT_EQ(Migrator{f.db}.up(1), 0);
  EXPECT_TRUE(f.fake.migrated.empty());
  f.fake.status.current = 0;
  f.db.migrate();
  EXPECT_EQ(f.fake.migrated, std::vector<int>{2});
  EXPECT_FALSE(f.fake.at) << "the backend's own clock decides";
}

TEST(Migrator, DownNeverGoesUp) {
  SchemaFake f;
  f.fake.status = {.current = 1, .latest = 2};
  EXPECT_EQ(Migrator{f.db}.down(1), 0);
  EXPECT_EQ(Migrator{f.db}.down(2), 0);
  EXPECT_TRUE(f.fake.migrated.empty());
  EXPECT_EQ(Migrator{f.db}.down(0), 1);
  EXPECT_EQ(f.fake.migrated, std::vector<int>{0});
}

TEST(Migrator, RefusesVersionsThatDoNotExist) {
  SchemaFake f;
  Migrator migrator{f.db};
  for (const int version : {-1, 3}) {
    EXPECT_TRUE(has(error_of(Errc::invalid_argument, [&] { migrator.up(version); }), "0 to 2"));
    EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { migrator.down(version); }).empty());
    EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { static_cast<void>(migrator.sql(0, version)); }).empty());
  }
}

TEST(Migrator, LeavesAProblemToTheDialectToRefuse) {
  SchemaFake f;
  f.fake.status = {.current = 2, .latest = 2, .applied = {}, .problem = "changed by hand"};
  Migrator{f.db}.up();
  EXPECT_EQ(f.fake.migrated.size(), 1U);
}

TEST(Migrator, MakesTheDatabaseLookAgain) {
  SchemaFake f;
  f.fake.status = {.current = 2, .latest = 2};
  static_cast<void>(f.db.ready());
  Migrator{f.db}.down(1);
  EXPECT_FALSE(not_ready(f.db).empty());
  f.fake.status.current = 2;
  static_cast<void>(f.db.ready());
  Migrator{f.db}.teardown();
  EXPECT_FALSE(not_ready(f.db).empty());
}

TEST(Migrator, PrintsTheSqlOfEachDirection) {
  SchemaFake f;
  const Migrator migrator{f.db};
  EXPECT_EQ(migrator.sql(0, 2), "-- sqlq 1 init, up\nmake tables;\n-- sqlq 2 more, up\nalter tables;\n");
  EXPECT_EQ(migrator.sql(2, 0), "-- sqlq 2 more, down\nalter back;\n-- sqlq 1 init, down\ndrop tables;\n");
  EXPECT_EQ(migrator.sql(1, 1), "");
  EXPECT_EQ(migrator.steps().size(), 2U);
}

/// Each tool is told in its own words.
TEST(Migrator, SaysWhatRunsOutsideOfATransaction) {
  SchemaFake f;
  f.fake.known[1].up_in_transaction = false;
  const Migrator migrator{f.db};
  const std::string plain = migrator.sql(0, 2);
  EXPECT_LT(plain.find("make tables"), plain.find("-- Not in a transaction"));
  EXPECT_LT(plain.find("-- Not in a transaction"), plain.find("alter tables"));
  EXPECT_EQ(plain.find("-- Not in a transaction"), plain.rfind("-- Not in a transaction")) << "of the other step";
  EXPECT_TRUE(has(plain, "executeInTransaction=false"));
  EXPECT_FALSE(has(migrator.sql(2, 0), "-- Not in a transaction"));
  const std::string dbmate = migrator.sql(1, 2, SqlForm::dbmate);
  EXPECT_TRUE(dbmate.starts_with("-- migrate:up transaction:false\n"));
  EXPECT_TRUE(has(dbmate, "\n-- migrate:down\n"));
  const std::string goose = migrator.sql(1, 2, SqlForm::goose);
  EXPECT_TRUE(goose.starts_with("-- +goose NO TRANSACTION\n-- +goose Up\n"));
  EXPECT_TRUE(migrator.sql(0, 1, SqlForm::goose).starts_with("-- +goose Up\n"));
  for (const SqlForm form : {SqlForm::dbmate, SqlForm::goose}) {
    EXPECT_TRUE(has(error_of(Errc::invalid_argument, [&] { static_cast<void>(migrator.sql(0, 2, form)); }),
                    "one by one"));
  }
}

TEST(Migrator, CarriesATestsTime) {
  const auto clock = std::make_shared<testing::ManualClock>();
  SchemaFake f{{.clock = clock}};
  f.fake.status = {.current = 0, .latest = 2};
  f.db.migrate();
  ASSERT_TRUE(f.fake.at);
  EXPECT_EQ(f.fake.at->wall, clock->now());
}

TEST(AdminDoctor, WorksOnADatabaseThatIsNotReady) {
  SchemaFake f;
  f.fake.status = {.current = 0, .latest = 2};
  const std::vector<Finding> findings = Admin{f.db}.doctor();
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].severity, Finding::Severity::error);
  EXPECT_EQ(findings[0].code, "schema_behind");
  EXPECT_TRUE(has(findings[0].sentence + findings[0].advice, "migrate()")) << findings[0].sentence;
  EXPECT_EQ(findings[1].sentence, "an old version");
}

TEST(Registry, OpensBySchemeAndListsTheKnown) {
  std::string opened;
  backend::register_backend("fake-b", [&](const backend::Url& url, std::shared_ptr<Clock> clock) {
    opened = url.rest();
    EXPECT_NE(clock, nullptr);
    return std::make_unique<FakeDialect>();
  });
  backend::register_backend("fake-a", [](const backend::Url&, std::shared_ptr<Clock>) {
    return std::unique_ptr<backend::Dialect>();
  });
  EXPECT_EQ(backend::open("FAKE-B:place").description(), "fake");
  EXPECT_EQ(opened, "place");
  const std::vector<std::string> known = backend::registered_schemes();  // other tests of the process have theirs
  EXPECT_TRUE(std::ranges::includes(known, std::vector<std::string>{"fake-a", "fake-b"}));
  const std::string message =
      error_of(Errc::invalid_argument, [] { static_cast<void>(backend::open("other://u:hunter2@h")); });
  EXPECT_EQ(message.find("no backend opens 'other:' URLs; known: fake-a:, fake-b:"), 0u) << message;
  EXPECT_NE(message.find("COMPONENTS"), std::string::npos) << message;
  EXPECT_THROW(static_cast<void>(backend::open("fake-a:x")), Error) << "a factory that gives nothing";
}

TEST(Registry, WithoutASchemeTheFormsOfWhatIsThereAreTold) {
  const auto factory = [](const backend::Url&, std::shared_ptr<Clock>) { return std::make_unique<FakeDialect>(); };
  backend::register_backend("fake-d", factory, "fake-d://host/name");
  backend::register_backend("fake-e", factory, "fake-d://host/name");
  for (const char* url : {"jobs.db", "", "fake-d", "host=localhost password=hunter2", "/tmp/a:b", ":memory:"}) {
    const std::string said = error_of(Errc::invalid_argument, [&] { static_cast<void>(backend::open(url)); });
    EXPECT_TRUE(has(said, "must begin with the scheme of a backend; this program knows: ")) << said;
    EXPECT_TRUE(has(said, "fake-d://host/name")) << said;
    EXPECT_EQ(said.find("fake-d://"), said.rfind("fake-d://")) << "once: " << said;
    EXPECT_FALSE(has(said, "hunter2")) << said;
  }
}

TEST(Registry, WhatIsBuiltInReplacesNothing) {
  const auto factory = [](const char* name) {
    return [name](const backend::Url&, std::shared_ptr<Clock>) -> std::unique_ptr<backend::Dialect> {
      throw Error(Errc::busy, name);
    };
  };
  backend::register_builtin("fake-c", factory("built in"));
  EXPECT_EQ(error_of(Errc::busy, [] { static_cast<void>(backend::open("fake-c:")); }), "built in");
  backend::register_backend("fake-c", factory("mine"));
  backend::register_builtin("fake-c", factory("built in"));
  EXPECT_EQ(error_of(Errc::busy, [] { static_cast<void>(backend::open("fake-c:")); }), "mine");
}

TEST(Registry, RefusesBadSchemes) {
  const auto factory = [](const backend::Url&, std::shared_ptr<Clock>) { return std::make_unique<FakeDialect>(); };
  for (const char* scheme : {"", "1a", "A", "a b", "a:"}) {
    EXPECT_THROW(backend::register_backend(scheme, factory), Error) << scheme;
  }
  EXPECT_THROW(backend::register_backend("nothing", nullptr), Error);
}

TEST(Capabilities, EveryFieldHasASentence) {
  for (const backend::CapabilityRow& row : backend::capability_table()) {
    EXPECT_FALSE(row.name.empty());
    EXPECT_TRUE(row.sentence.ends_with('.')) << row.name;
  }
  // A new field does not compile here: give it its sentence.
  const auto [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, number] = backend::Capabilities{};
  const std::vector<bool> answers{a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q};
  EXPECT_EQ(backend::capability_table().size(), answers.size());
  EXPECT_GT(number, 0U);
}

}  // namespace
}  // namespace sqlq
