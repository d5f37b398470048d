// What a connection over TLS proves, and what it refuses. The server is a pooler of ours with certificates made for the
// test; it also asks for passwords, which the server behind it does not.

#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "backends/postgres_fixture.hpp"
#include "backends/postgres_proxy.hpp"
#include "process/child.hpp"
#include "support/expect_error.hpp"

namespace sqlq::postgres {
namespace {

using process::Child;
using testing::error_of;
using testing::has;

/// Where a program is; servers may be in folders that are not in everybody's PATH.
std::string program(const std::string& name) {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  std::istringstream folders(std::string(path != nullptr ? path : "/usr/bin") + ":/usr/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = folder + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  throw std::runtime_error("there is no " + name + " here; see ci/packages");
}

/// Who signs certificates, and the certificates: files in a folder that is removed at the end.
class Authority {
 public:
  explicit Authority(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() / ("sqlq_tls_" + std::to_string(::getpid()) + "_" + name)) {
    std::filesystem::create_directories(folder_);
    // A server that is not started by root must find its way here, and write its log.
    std::filesystem::permissions(folder_, std::filesystem::perms::all);
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
             file("ca.key"), "-out", file("ca.pem"), "-subj", "/CN=" + name, "-days", "2"});
  }
  ~Authority() { std::filesystem::remove_all(folder_); }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::string ca() const { return file("ca.pem"); }

  /// A certificate `name`.pem with its key, for the place ("IP:127.0.0.1") and a number of days from now.
  void certify(const std::string& name, const std::string& place, int days = 2) const {
    openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
             file(name + ".key"), "-out", file(name + ".csr"), "-subj", "/CN=server", "-addext",
             "subjectAltName=" + place});
    openssl({"x509", "-req", "-in", file(name + ".csr"), "-CA", ca(), "-CAkey", file("ca.key"), "-days",
             std::to_string(days), "-copy_extensions", "copy", "-out", file(name + ".pem")});
    std::filesystem::permissions(file(name + ".key"), std::filesystem::perms(0644));
  }

 private:
  void openssl(const std::vector<std::string>& words) const {
    std::vector<std::string> shell{"-c", "exec \"$0\" \"$@\" 2>" + file("openssl.log"), program("openssl")};
    shell.insert(shell.end(), words.begin(), words.end());
    const auto exit = Child("/bin/sh", shell).wait(std::chrono::seconds(60));
    if (!exit || !exit->with_code(0)) throw std::runtime_error("openssl failed: " + words.front());
  }

  std::filesystem::path folder_;
};

constexpr const char* password = "right-HUNTER2";

/// A pooler in front of the server, with TLS only and one user, app.
class TlsServer {
 public:
  TlsServer(const Authority& authority, const std::string& certificate) {
    { port_ = Silence().port(); }  // it is free again
    const auto upstream = backend::Url::parse(server_url()).authority();
    std::ofstream(authority.file("users")) << "\"app\" \"" << password << "\"\n";
    std::ofstream(authority.file("ini"))
        << "[databases]\n* = host=" << upstream.hosts.at(0).first << " port=" << upstream.hosts.at(0).second
        << " user=" << upstream.user << "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
        << "\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = " << authority.file("users")
        << "\npool_mode = transaction\nignore_startup_parameters = options\nlogfile = " << authority.file("log")
        << "\nclient_tls_sslmode = require"
        << "\nclient_tls_cert_file = " << authority.file(certificate + ".pem")
        << "\nclient_tls_key_file = " << authority.file(certificate + ".key")
        << "\nclient_tls_ca_file = " << authority.ca()  // it wants one to start, and not every machine has its own
        << "\nserver_tls_sslmode = disable\n";
    const std::vector<std::string> words{"-q", authority.file("ini")};
    if (::geteuid() == 0) {  // it refuses to be run by root
      std::vector<std::string> more{"--reuid=nobody", "--regid=nogroup", "--clear-groups", program("pgbouncer")};
      more.insert(more.end(), words.begin(), words.end());
      process_.emplace(program("setpriv"), more);
    } else {
      process_.emplace(program("pgbouncer"), words);
    }
    if (!eventually([&] { return answers(); })) throw std::runtime_error("the pooler does not start");
  }

  /// The URL of the scratch as `who` ("user:password") through this server.
  [[nodiscard]] std::string url(const std::string& scratch, const std::string& who, const std::string& tls,
                                const std::string& more = "&pooled=true") const {
    return "postgresql://" + who + "@127.0.0.1:" + std::to_string(port_) + scratch.substr(scratch.rfind('/')) + more +
           (tls.empty() ? "" : "&" + tls);
  }

 private:
  [[nodiscard]] bool answers() const {
    const process::Descriptor peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = local(port_);
    return ::connect(peer.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  int port_ = 0;
  std::optional<Child> process_;
};

class PostgresTls : public PostgresTest {
 protected:
  /// What opening through the server says; empty when it works, and then the library works.
  [[nodiscard]] std::string trouble(const TlsServer& server, const std::string& tls,
                                    const std::string& who = std::string("app:") + password) const {
    try {
      const Database db = backend::open(server.url(url(), who, tls));
      db.migrate();
      Client client(db);
      client.enqueue(NewJob{.kind = "k"});
      EXPECT_EQ(client.claim().size(), 1u);
      EXPECT_FALSE(has(db.description(), "HUNTER2"));
      return {};
    } catch (const Error& e) {
      EXPECT_FALSE(has(e.what(), "HUNTER2")) << e.what();
      EXPECT_TRUE(e.code() == Errc::configuration || e.code() == Errc::permission) << e.what();
      EXPECT_FALSE(e.retryable()) << "only a person can mend it: " << e.what();
      return e.what();
    }
  }

  void expect_trouble(const std::string& part, const TlsServer& server, const std::string& tls,
                      const std::string& who = std::string("app:") + password) const {
    const std::string message = trouble(server, tls, who);
    EXPECT_TRUE(has(message, part)) << "'" << part << "' is not in: " << message;
  }

  Authority ours_{"ours"};
};

TEST_F(PostgresTls, VerifyFullProvesWhoSignedAndForWhichHost) {
  ours_.certify("good", "IP:127.0.0.1");
  const TlsServer good(ours_, "good");
  EXPECT_EQ(trouble(good, "sslmode=verify-full&sslrootcert=" + ours_.ca()), "");
  const Authority others("others");
  for (const std::string mode : {"verify-full", "verify-ca", "require"}) {  // the last, too, when it is told a CA
    expect_trouble("certificate verify failed", good, "sslmode=" + mode + "&sslrootcert=" + others.ca());
  }
  expect_trouble("does not exist", good, "sslmode=verify-full&sslrootcert=" + others.file("none.pem"));

  ours_.certify("elsewhere", "DNS:elsewhere.example");
  const TlsServer elsewhere(ours_, "elsewhere");
  expect_trouble("does not match host name", elsewhere, "sslmode=verify-full&sslrootcert=" + ours_.ca());
  EXPECT_EQ(trouble(elsewhere, "sslmode=verify-ca&sslrootcert=" + ours_.ca()), "") << "it is no proof of the host";

  ours_.certify("old", "IP:127.0.0.1", -1);
  const TlsServer old(ours_, "old");
  expect_trouble("certificate verify failed", old, "sslmode=verify-full&sslrootcert=" + ours_.ca());
  expect_trouble("certificate verify failed", old, "sslmode=verify-ca&sslrootcert=" + ours_.ca());
  EXPECT_EQ(trouble(old, "sslmode=require"), "") << "it looks at nothing";
}

TEST_F(PostgresTls, LessThanThatProvesNothing) {
  ours_.certify("elsewhere", "DNS:elsewhere.example");
  const TlsServer server(ours_, "elsewhere");
  for (const char* mode : {"", "sslmode=prefer", "sslmode=require"}) EXPECT_EQ(trouble(server, mode), "") << mode;
  expect_trouble("SSL", server, "sslmode=disable");
}

TEST_F(PostgresTls, AServerWithoutItIsRefusedWhereItIsRequired) {
  for (const std::string mode : {"require", "verify-full"}) {
    const auto message = error_of(Errc::configuration, [&] {
      (void)backend::open(url("sslmode=" + mode + "&sslrootcert=" + ours_.ca()));
    });
    EXPECT_TRUE(has(message, "does not support SSL")) << message;
  }
  EXPECT_NO_THROW((void)backend::open(url("sslmode=prefer"))) << "which is what it is without the option";
}

/// Not one that refuses a session's settings, but one that drops them without a word.
TEST_F(PostgresTls, APoolerThatDropsSettingsIsNoticed) {
  ours_.certify("good", "IP:127.0.0.1");
  const TlsServer server(ours_, "good");
  const std::string who = std::string("app:") + password;
  for (int i = 0; i < 3; ++i) {  // also when it hands out the session that another has had
    const auto message = error_of(
        Errc::configuration, [&] { (void)backend::open(server.url(url(), who, "sslmode=require", {})); });
    EXPECT_TRUE(has(message, "pooled=true")) << message;
  }
}

TEST_F(PostgresTls, NoPasswordIsInAMessage) {
  ours_.certify("good", "IP:127.0.0.1");
  const TlsServer server(ours_, "good");
  const std::string verify = "sslmode=verify-full&sslrootcert=" + ours_.ca();
  expect_trouble("authentication failed", server, verify, "app:wrong-HUNTER2");
  expect_trouble("authentication failed", server, verify, "nobody:HUNTER2");
  expect_trouble("no password supplied", server, verify, "app");
  const std::string client = "&sslcert=" + ours_.file("good.pem") + "&sslkey=";
  expect_trouble("not private key file", server, verify + client + ours_.file("none") + "&sslpassword=HUNTER2");
  expect_trouble("private key file", server, verify + client + ours_.ca() + "&sslpassword=HUNTER2");
}

}  // namespace
}  // namespace sqlq::postgres
