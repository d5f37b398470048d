// Tables that somebody has emptied by hand.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Migrate, JobsDeletedByHandBlockNothing) {
  if (backend().emptied_jobs_sql.empty()) return;  // there are no tables
  admin().create_queue("few", {.concurrency = 1});
  enqueue({.queue = "few"});
  ASSERT_EQ(claim(1, {"few"}).size(), 1u);
  for (int i = 0; i < 150; ++i) enqueue({.queue = "a", .priority = 1});
  for (int i = 0; i < 150; ++i) enqueue({.queue = "a", .priority = 1, .delay = 1h});
  enqueue({.queue = "a", .unique_key = "key"});
  const auto connection = user();
  for (const std::string& sql : backend().emptied_jobs_sql) connection->execute(sql);

  clock().advance(2h);
  client().reap();
  const JobId keyed = enqueue({.queue = "a", .unique_key = "key"});
  EXPECT_EQ(state(keyed), JobState::pending) << "the key is free";
  EXPECT_EQ(ids_of(claim(10, {"a"})), std::vector<JobId>{keyed}) << "what is gone is in nobody's way";
  const JobId next = enqueue({.queue = "few"});
  EXPECT_EQ(ids_of(claim(10, {"few"})), std::vector<JobId>{next}) << "the place is free";
  const JobId later = enqueue({.queue = "a", .delay = 1h});
  clock().advance(1h);
  EXPECT_EQ(ids_of(claim(10, {"a"})), std::vector<JobId>{later});
  EXPECT_TRUE(claim(10).empty());
}

TEST_P(Migrate, AfterAllTablesWereEmptiedItSaysSoOrWorks) {
  if (backend().emptied_sql.empty()) return;  // there are no tables
  enqueue({.unique_key = "key"});
  static_cast<void>(take());
  const auto connection = user();
  for (const std::string& sql : backend().emptied_sql) connection->execute(sql);
  for (const std::string& sql : backend().forgotten_sql) connection->execute(sql);

  Database fresh = another();
  Migrator migrator{fresh};
  try {
    migrator.up();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::schema);
    EXPECT_NE(std::string(e.what()).find("teardown()"), std::string::npos) << e.what();
    EXPECT_NE(migrator.status().problem, "");
    migrator.teardown();
    EXPECT_GT(migrator.up(), 0);
  }
  EXPECT_EQ(migrator.status().problem, "");
  const JobId id = enqueue({.unique_key = "key"});
  EXPECT_EQ(take().id, id);
}

}  // namespace sqlq::conformance
