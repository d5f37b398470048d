// How we connect: rights, limits, TLS, settings; and what programs that are started inherit.

#include <fcntl.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <thread>

#include "backends/mysql_faults_fixture.hpp"

namespace sqlq::mysql {
namespace {

using namespace std::chrono_literals;

TEST_P(MysqlFaults, WhoMayNotIsToldWhatToGrant) {
  const std::string name = "reader_of_" + options().database.substr(10);
  native_.exec("CREATE USER " + name + " IDENTIFIED BY 'secret'");
  native_.exec("GRANT SELECT ON *.* TO " + name);
  const std::string as_user = url_of(name + ":secret");
  const Database reader = backend::open(as_user);
  EXPECT_EQ(Admin(reader).counts().at(JobState::pending).value, 0u);
  testing::expect_error(Errc::permission, "grant this user", [&] { Client(reader).enqueue({.kind = "work"}); });
  testing::expect_error(Errc::permission, "check user, password",
                        [&] { static_cast<void>(backend::open(url_of(name + ":wrong-hunter2"))); });
  native_.exec("DROP USER " + name);
}

TEST_P(MysqlFaults, AtTheServersLimitOfConnectionsACallWaits) {
  const std::string name = "limited_" + options().database.substr(10);
  native_.exec("CREATE USER " + name + " IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1");
  native_.exec("GRANT ALL ON *.* TO " + name);
  {
    const std::string as_user = url_of(name + ":secret");
    auto first = std::make_unique<Database>(backend::open(as_user));
    testing::expect_error(Errc::busy, "pool_wait",
                          [&] { static_cast<void>(backend::open(as_user + "&pool_wait=30ms")); });
    std::atomic<bool> begun{false};
    bool inserted = false;
    std::thread second([&] {
      begun = true;
      const Database db = backend::open(as_user + "&pool_wait=60s");
      inserted = Client(db).enqueue({.kind = "work"}).inserted();
    });
    while (!begun) std::this_thread::yield();
    Client(*first).enqueue({.kind = "work"});
    first.reset();
    second.join();
    EXPECT_TRUE(inserted);
  }
  native_.exec("DROP USER " + name);
}

TEST_P(MysqlFaults, ConnectingFailsWithReasons) {
  const std::string server = server_url(GetParam());
  testing::expect_error(Errc::configuration, "create the database",
                        [&] { static_cast<void>(backend::open(server + "/sqlq_no_such_database")); });
  const std::string nobody = server.substr(0, server.rfind(':')) + ":1/db?connect_timeout=1s";
  testing::expect_error(Errc::connection, "connect", [&] { static_cast<void>(backend::open(nobody)); });
  const auto host = server.find("127.0.0.1");
  ASSERT_NE(host, std::string::npos);
  std::string second = url();
  second.insert(host, "127.0.0.1:1,");
  EXPECT_NO_THROW(static_cast<void>(backend::open(second))) << "the second host answers";
}

TEST_P(MysqlFaults, TlsIsUsedWhenTheServerHasIt) {
  const std::string bare = url().substr(0, url().find('?'));
  const bool has_tls = native_.query("SHOW VARIABLES LIKE 'tls_version'").size() == 2 &&
                       (!on_mariadb() || native_.query("SHOW VARIABLES LIKE 'have_ssl'").at(1) == "YES");
  const auto cipher_of = [&](const std::string& url) {
    ByHand hand(Options::from(backend::Url::parse(url)));
    static const sql::Catalogue catalogue(
        "-- name: cipher\n-- returns: name text, value text\nSHOW SESSION STATUS LIKE 'Ssl_cipher'\n");
    std::string cipher;
    hand.connection().session().execute(catalogue["cipher"], {}, [&](const sql::Row& row) { cipher = row.text(1); });
    return cipher;
  };
  EXPECT_EQ(cipher_of(bare + "?tls=off"), "");
  EXPECT_EQ(cipher_of(bare + "?tls=prefer").empty(), !has_tls);
  if (has_tls) {
    EXPECT_NE(cipher_of(bare + "?tls=require"), "");
  } else {
    testing::expect_error(Errc::configuration, "tls", [&] { static_cast<void>(cipher_of(bare + "?tls=require")); });
  }
  // A certificate the server has made for itself is signed by nobody, whether or not it proves that it knows the
  // password, which newer client libraries take for enough where no authorities are named.
  for (const char* ca : {"", "&ca=/etc/ssl/certs/ca-certificates.crt", "&ca=/nowhere/ca.pem"}) {
    testing::expect_error(Errc::configuration, "tls", [&] { static_cast<void>(cipher_of(bare + "?tls=verify" + ca)); });
  }
}

/// The sockets that a program started by this process would inherit.
std::set<std::string> inherited_sockets() {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the descriptor of this loop is among them
    const std::string what = std::filesystem::read_symlink(entry.path(), gone).string();
    if (what.starts_with("socket:") && (::fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC) == 0) {
      found.insert(what);
    }
  }
  return found;
}

TEST_P(MysqlFaults, ProgramsThatHandlersStartInheritNoConnection) {
  const auto before = inherited_sockets();
  EXPECT_FALSE(before.empty()) << "the test's own connection, made by the client library alone";
  const Database other = open_migrated(url_with("pool=2"));
  EXPECT_TRUE(Client(other).enqueue(NewJob{.kind = "k"}).inserted());
  EXPECT_EQ(inherited_sockets(), before);
}

TEST_P(MysqlFaults, TheSettingsOfOwnConnectionsAreOurs) {
  ByHand hand(Options::from(backend::Url::parse(url_with("lock_timeout=3s&statement_timeout=20s"))));
  const std::string isolation = on_mariadb() ? "@@tx_isolation" : "@@transaction_isolation";
  const sql::Catalogue here("-- name: settings\n-- returns: mode text, lock int, meta int, isolation text\n"
                            "SELECT @@sql_mode, @@innodb_lock_wait_timeout, @@lock_wait_timeout, " + isolation + "\n");
  hand.connection().session().execute(here["settings"], {}, [&](const sql::Row& row) {
    EXPECT_EQ(row.text(0), "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION");
    EXPECT_EQ(row.integer(1), 3);
    EXPECT_EQ(row.integer(2), 3);
    EXPECT_EQ(row.text(3), "READ-COMMITTED");
  });
}

TEST_P(MysqlFaults, DoubtfulSettingsAreReported) {
  std::string all;
  for (const Finding& finding : db_.dialect().self_check()) all += finding.sentence + "\n";
  const bool safe = native_.query("SHOW GLOBAL VARIABLES LIKE 'innodb_flush_log_at_trx_commit'").at(1) == "1";
  EXPECT_EQ(testing::has(all, "innodb_flush_log_at_trx_commit"), !safe) << all;
}

}  // namespace
}  // namespace sqlq::mysql
