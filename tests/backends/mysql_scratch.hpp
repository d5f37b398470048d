#pragma once
/// \file
/// Scratch databases on the servers that the tests are given, and native connections to them.

#include <gtest/gtest.h>
#include <mysql.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/url.hpp>

namespace sqlq::mysql {

/// A server that the tests run on.
struct Place {
  std::string name{};      ///< in the names of test cases
  std::string service{};   ///< as ci/services calls it
  std::string variable{};  ///< where its URL stands
};
inline void PrintTo(const Place& place, std::ostream* out) { *out << place.name; }
inline std::string name_of_place(const ::testing::TestParamInfo<Place>& info) { return info.param.name; }

inline const Place mariadb_place{.name = "MariaDb", .service = "mariadb", .variable = "SQLQ_TEST_MARIADB"};
inline const Place mysql_place{.name = "MySql", .service = "mysql", .variable = "SQLQ_TEST_MYSQL"};

#define SQLQ_MYSQL_PLACES(topic)                                                                       \
  INSTANTIATE_TEST_SUITE_P(On, topic,                                                                  \
                           ::testing::Values(::sqlq::mysql::mariadb_place, ::sqlq::mysql::mysql_place), \
                           ::sqlq::mysql::name_of_place)

/// The URL of the server, without a database.
inline std::string server_url(const Place& place) {
  const char* url = std::getenv(place.variable.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  if (url == nullptr || *url == 0) {
    throw std::runtime_error(place.variable + " is not set: run ci/services up " + place.service +
                             ", then eval \"$(ci/services env)\"");
  }
  const std::string text = url;
  return text.substr(0, text.find('/', text.find("://") + 3));
}

/// A connection as an application would have it. Throws std::runtime_error.
class Native {
 public:
  explicit Native(const std::string& text, unsigned long flags = 0) : handle_(mysql_init(nullptr)) {
    const auto at = backend::Url::parse(text).authority();
    mysql_options(handle_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    const unsigned tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(handle_, MYSQL_OPT_PROTOCOL, &tcp);
    const char* database = at.path.empty() ? nullptr : at.path.c_str();
    if (mysql_real_connect(handle_, at.hosts.at(0).first.c_str(), at.user.c_str(), at.password.value_or("").c_str(),
                           database, static_cast<unsigned>(at.hosts.at(0).second), nullptr, flags) == nullptr) {
      const std::string why = mysql_error(handle_);
      mysql_close(handle_);
      throw std::runtime_error(why);
    }
  }
  ~Native() { mysql_close(handle_); }
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  [[nodiscard]] MYSQL* handle() const { return handle_; }
  [[nodiscard]] unsigned long id() const { return mysql_thread_id(handle_); }

  void exec(const std::string& sql) const { static_cast<void>(query(sql)); }
  /// All values of all rows, as text.
  [[nodiscard]] std::vector<std::string> query(const std::string& sql) const {
    if (mysql_real_query(handle_, sql.data(), static_cast<unsigned long>(sql.size())) != 0) throw_error();
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(handle_),
                                                                          &mysql_free_result);
    if (!result && mysql_errno(handle_) != 0) throw_error();
    std::vector<std::string> values;
    while (result) {
      const MYSQL_ROW row = mysql_fetch_row(result.get());
      if (row == nullptr) break;
      const unsigned long* lengths = mysql_fetch_lengths(result.get());
      for (unsigned i = 0; i < mysql_num_fields(result.get()); ++i) {
        values.emplace_back(row[i] == nullptr ? "NULL" : std::string(row[i], lengths[i]));
      }
    }
    return values;
  }
  [[nodiscard]] std::int64_t number(const std::string& sql) const { return std::stoll(query(sql).at(0)); }

 private:
  [[noreturn]] void throw_error() const {
    throw std::runtime_error(std::to_string(mysql_errno(handle_)) + ": " + mysql_error(handle_));
  }
  MYSQL* handle_;
};

/// What is there of scratches: databases, and users of their own.
struct Scratches {
  std::mutex mutex;
  std::set<std::string> databases;
  std::set<std::string> users;
  static Scratches& all() {
    static Scratches instance;
    return instance;
  }
};

/// A fresh database. The second at a time is the database of a user of its own, who may not look into any other: so a
/// connection to it really is elsewhere.
inline std::string make_scratch(const Place& place) {
  static std::atomic<int> number{0};
  const std::string name = "sqlq_test_" + std::to_string(::getpid()) + "_" + std::to_string(++number);
  std::string url = server_url(place);
  const Native server(url);
  server.exec("CREATE DATABASE " + name);
  Scratches& all = Scratches::all();
  const std::lock_guard lock(all.mutex);
  if (!all.databases.empty()) {
    server.exec("CREATE USER " + name + " IDENTIFIED BY 'secret'");
    server.exec("GRANT ALL ON " + name + ".* TO " + name);
    all.users.insert(name);
    const auto begin = url.find("://") + 3;
    const auto at = url.find('@');
    url = url.substr(0, begin) + name + ":secret@" + url.substr(at == std::string::npos ? begin : at + 1);
  }
  all.databases.insert(name);
  return url + "/" + name + "?tls=off";  // a handshake for each connection takes longer than most tests
}

inline void drop_scratch(const Place& place, const std::string& url) {
  const std::string name = backend::Url::parse(url).authority().path;
  const Native server(server_url(place));
  server.exec("DROP DATABASE " + name);
  Scratches& all = Scratches::all();
  const std::lock_guard lock(all.mutex);
  all.databases.erase(name);
  if (all.users.erase(name) != 0) server.exec("DROP USER " + name);
}

}  // namespace sqlq::mysql
