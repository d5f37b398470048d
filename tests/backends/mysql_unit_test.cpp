// What needs no server: URLs, literals, scripts, error numbers.

#include <gtest/gtest.h>

#include <sqlq/backend/url.hpp>

#include "connection.hpp"
#include "errors.hpp"
#include "native_session.hpp"
#include "options.hpp"
#include "schema.hpp"
#include "support/expect_error.hpp"

namespace sqlq::mysql {
namespace {

Options options_of(const std::string& url) { return Options::from(backend::Url::parse(url)); }

TEST(MysqlUrl, NamesHostsUserAndDatabase) {
  const Options o = options_of("mysql://ada:se%40cret@one:3307,two/jobs?prefix=app_&tls=verify&ca=/etc/ca.pem");
  EXPECT_EQ(o.user, "ada");
  EXPECT_EQ(o.password, "se@cret");
  ASSERT_EQ(o.hosts.size(), 2u);
  EXPECT_EQ(o.hosts[0], std::pair(std::string("one"), 3307));
  EXPECT_EQ(o.hosts[1], std::pair(std::string("two"), 0));
  EXPECT_EQ(o.database, "jobs");
  EXPECT_EQ(o.prefix, "app_");
  EXPECT_EQ(o.tls, Options::Tls::verify);
  EXPECT_EQ(o.ca, "/etc/ca.pem");
}

TEST(MysqlUrl, RefusesWhatItDoesNotUnderstand) {
  const auto refused = [](const std::string& url, const std::string& why) {
    testing::expect_error(Errc::invalid_argument, why, [&] { static_cast<void>(options_of(url)); });
  };
  refused("mysql://h/db?prefxi=a", "prefix");
  refused("mysql://h", "names no database");
  refused("mysql://h/", "names no database");
  refused("mysql://h/a%60b", "plainer");
  refused("mysql://h/a:b", "plainer");
  refused("mysql://h/a%27b", "plainer");
  refused("mysql://h/db?prefix=App", "prefix");
  refused("mysql://h/db?prefix=a-b", "prefix");
  refused("mysql://h/db?prefix=sqlq_", "prefix");
  refused("mysql://h/db?tls=perhaps", "tls");
  refused("mysql://h/db?pool=0", "pool");
  refused("mysql://h/db?read_timeout=4s", "read_timeout");
  refused("mysql://h/db?lock_timeout=0", "lock_timeout");
}

TEST(MysqlCatalogue, TextsNameTablesWithDatabaseAndPrefix) {
  const Schema schema(options_of("mysql://h/my-db?prefix=app_"));
  EXPECT_TRUE(testing::has(schema.catalogue["peek"].text, "`my-db`.`app_sqlq_ready`"));
  EXPECT_TRUE(testing::has(schema.migrations.at(0).up, "CREATE TABLE IF NOT EXISTS `my-db`.`app_sqlq_jobs`"));
  const Schema plain(options_of("mysql://h/other"));
  EXPECT_EQ(schema.migrations.at(0).checksum, plain.migrations.at(0).checksum);
}

std::string written(std::string_view value, bool backslashes) {
  const sql::Catalogue catalogue("-- name: s\n-- params: v text\nSELECT :v\n");
  const sql::Arg arg("v", value);
  return spliced(catalogue["s"], &arg, {.backslashes = backslashes});
}

TEST(MysqlLiterals, EscapeAsTheModeWants) {
  EXPECT_EQ(written("it's", true), "SELECT 'it''s'");
  EXPECT_EQ(written(R"(\')", true), R"(SELECT '\\''')");
  EXPECT_EQ(written(R"(\')", false), R"(SELECT '\''')");
  EXPECT_EQ(written("", true), "SELECT X''");
  EXPECT_EQ(written(std::string_view("\0", 1), true), R"(SELECT '\0')");
}

TEST(MysqlLiterals, ListsAreRows) {
  const sql::Catalogue catalogue("-- name: s\n-- params: v list\nSELECT :v\n");
  const sql::List numbers{.width = 1, .values = {std::int64_t{1}, std::int64_t{-2}}};
  const sql::Arg one("v", numbers);
  EXPECT_EQ(spliced(catalogue["s"], &one, {}), "SELECT 1,-2");
  const sql::List rows{.width = 2, .values = {std::int64_t{1}, "a", nullptr, sql::Bytes{"\xff"}}};
  const sql::Arg two("v", rows);
  EXPECT_EQ(spliced(catalogue["s"], &two, {}), "SELECT (1,'a'),(NULL,X'FF')");
}

TEST(MysqlScripts, AreCutOutsideOfQuotesAndComments) {
  EXPECT_EQ(split("-- a; 'b\nA ';' \"x;'y\";\n\nB `;`;\n-- end; it's\n"),
            (std::vector<std::string>{"\nA ';' \"x;'y\"", "\n\nB `;`"}));
  EXPECT_TRUE(split(" \n-- nothing\n").empty());
}

TEST(MysqlErrors, HaveTheirClasses) {
  const auto expect = [](Errc code, std::initializer_list<unsigned> numbers) {
    for (const unsigned n : numbers) EXPECT_EQ(to_string(classify(n, "")), to_string(code)) << n;
  };
  expect(Errc::retry_transaction, {1213, 1205, 1020});
  expect(Errc::outcome_unknown, {1180});
  expect(Errc::connection, {2002, 2003, 2006, 2013, 1053, 1927});
  expect(Errc::wrong_node, {1047, 1290, 1836, 1792});
  expect(Errc::busy, {1021, 1114, 1040, 1203, 1226, 3024, 1969, 1317});
  expect(Errc::refused, {1062, 1153, 1366, 1406, 1452, 1644, 1690, 3157, 3819, 4025});
  expect(Errc::permission, {1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698, 1820, 1862, 3118, 4151});
  expect(Errc::configuration, {1049, 1104, 1251, 1665, 2026, 2059, 2061, 3159});
  EXPECT_EQ(classify(2026, "TLS/SSL error: certificate verify failed"), Errc::configuration);
  EXPECT_EQ(classify(1290, "... with the --max-session-mem-used=8192 option ..."), Errc::configuration);
  EXPECT_EQ(classify(2026, "TLS/SSL error: Connection reset by peer"), Errc::connection);
  expect(Errc::schema, {1146, 1054, 1048});
  expect(Errc::corrupt, {1034, 1712});
  expect(Errc::internal, {1064, 9999});
  EXPECT_EQ(classify(1030, "Got error 28 \"No space left on device\" from storage engine"), Errc::busy);
}

TEST(MysqlErrors, TextsWithValuesAreNotPassedOn) {
  for (const unsigned number : {1062u, 1064u, 1292u, 1300u, 1366u, 1644u, 4038u, 9999u}) {
    try {
      raise(number, "Duplicate entry 'hunter2' for key", "jobs_insert");
    } catch (const Error& e) {
      EXPECT_FALSE(testing::has(e.what(), "hunter2")) << e.what();
      EXPECT_TRUE(testing::has(e.what(), "jobs_insert")) << e.what();
      EXPECT_EQ(e.native_code(), static_cast<int>(number));
    }
  }
}

TEST(MysqlErrors, OfAConnectionThatCannotBeOpenedSayWhere) {
  const auto said = [](unsigned number, const char* text) {
    const Errc code = classify(number, text);
    return testing::error_of(code, [&] { raise_connect(number, text, "db.example.org:3307"); });
  };
  const std::string refused = said(2002, "Can't connect to server on 'db.example.org' (115)");
  EXPECT_TRUE(testing::has(refused, "cannot connect to db.example.org:3307: nobody answers there")) << refused;
  EXPECT_TRUE(testing::has(refused, "see that the server is running")) << refused;
  EXPECT_FALSE(testing::has(refused, "next call")) << refused;
  EXPECT_FALSE(testing::has(refused, "115")) << "that number means: in progress";
  EXPECT_TRUE(testing::has(said(2005, "Unknown server host 'db.example.org' (-2)"), "Unknown server host"));
  EXPECT_TRUE(testing::has(said(1049, "Unknown database 'x'"), "create the database"));
}

TEST(MysqlErrors, OfMissingRightsDoNotAskForAllOfThem) {
  const std::string said =
      testing::error_of(Errc::permission, [] { raise(1142, "SELECT command denied to user", "claim"); });
  EXPECT_TRUE(testing::has(said, "grant this user what share/doc/sqlq/docs/backends.md lists")) << said;
  EXPECT_FALSE(testing::has(said, "all rights")) << said;
}

TEST(MysqlErrors, OnABorrowedConnectionTheOtherServerIsNamed) {
  const std::string said = testing::error_of(
      Errc::schema, [] { raise(1146, "Table 'shop.sqlq_queues' doesn't exist", "queues", Whose::lent); });
  EXPECT_TRUE(testing::has(said, "your connection leads to another server")) << said;
}

}  // namespace
}  // namespace sqlq::mysql
