#pragma once
/// \file
/// Scratch schemas on the server that the tests are given, and native connections to them.

#include <libpq-fe.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <sqlq/backend/url.hpp>

namespace sqlq::postgres {

/// The URL in an environment variable; says how to get one if there is none.
inline std::string url_in(const char* variable) {
  const char* url = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  if (url != nullptr && *url != 0) return url;
  throw std::runtime_error(std::string(variable) +
                           " is not set: run ci/services up postgres, then eval \"$(ci/services env)\"");
}
inline std::string server_url() { return url_in("SQLQ_TEST_POSTGRES"); }

/// `url` with another database and with options added.
inline std::string with(const std::string& url, const std::string& database, const std::string& options) {
  const auto begin = url.find('/', url.find("://") + 3);
  const auto question = url.find('?');
  const std::string base = database.empty() ? url.substr(0, question) : url.substr(0, begin + 1) + database;
  const std::string before = question == std::string::npos ? std::string() : url.substr(question + 1) + "&";
  return base + "?" + before + options;
}

/// A URL of ours as a connection string of libpq, directly to the server.
inline std::string conninfo_of(const std::string& text) {
  const auto url = backend::Url::parse(text);
  const auto authority = url.authority();
  const auto server = backend::Url::parse(server_url()).authority();
  std::string info = "host=" + server.hosts.at(0).first + " port=" + std::to_string(server.hosts.at(0).second) +
                     " dbname=" + authority.path + " user=" + (authority.user.empty() ? "postgres" : authority.user);
  if (authority.password) info += " password=" + *authority.password;
  return info;
}

/// What makes the URL's schema the first of a session.
inline std::string search_path_of(const std::string& text) {
  return "SET search_path = \"" + backend::Url::parse(text).option("schema").value_or("public") + "\"";
}

/// A connection as an application would have it. Throws std::runtime_error.
class Native {
 public:
  /// Of a URL of ours.
  explicit Native(const std::string& url) : handle_(PQconnectdb(conninfo_of(url).c_str())) {
    if (PQstatus(handle_) != CONNECTION_OK) {
      const std::string why = PQerrorMessage(handle_);
      PQfinish(handle_);
      throw std::runtime_error(why);
    }
    PQsetNoticeProcessor(handle_, [](void*, const char*) {}, nullptr);
    exec(search_path_of(url));
  }
  ~Native() { PQfinish(handle_); }
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  [[nodiscard]] PGconn* handle() const { return handle_; }
  void exec(const std::string& sql) const { static_cast<void>(query(sql)); }
  /// All values of all rows, as text.
  [[nodiscard]] std::vector<std::string> query(const std::string& sql) const {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(handle_, sql.c_str()), &PQclear);
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) throw std::runtime_error(PQerrorMessage(handle_));
    std::vector<std::string> values;
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      for (int column = 0; column < PQnfields(result.get()); ++column) {
        const bool null = PQgetisnull(result.get(), row, column) != 0;
        values.emplace_back(null ? "NULL" : PQgetvalue(result.get(), row, column));
      }
    }
    return values;
  }

 private:
  PGconn* handle_;
};

enum class Through { nothing, pooler };

/// The scratches that are there: schemas, and databases of their own.
struct Scratches {
  std::mutex mutex;
  std::set<std::string> schemas;
  std::set<std::string> databases;
  static Scratches& all() {
    static Scratches instance;
    return instance;
  }
};

/// A fresh schema for the tests; the second at a time is in a database of its own, so that it really is elsewhere.
inline std::string make_scratch(Through through = Through::nothing) {
  static std::atomic<int> number{0};
  const std::string name = "sqlq_test_" + std::to_string(::getpid()) + "_" + std::to_string(++number);
  std::string url = server_url();
  std::string options = "schema=" + name;
  if (through == Through::pooler) {
    url = url_in("SQLQ_TEST_PGBOUNCER");
    options += "&pooled=true";
  }
  Scratches& all = Scratches::all();
  const std::lock_guard lock(all.mutex);
  std::string database;
  if (!all.schemas.empty()) {
    Native(server_url()).exec("CREATE DATABASE " + name);
    all.databases.insert(name);
    database = name;
  }
  const std::string made = with(url, database, options);
  all.schemas.insert(name);
  Native(made).exec("CREATE SCHEMA " + name);
  return made;
}

inline void drop_scratch(const std::string& url) {
  const std::string name = backend::Url::parse(url).option("schema").value_or("");
  Scratches& all = Scratches::all();
  const std::lock_guard lock(all.mutex);
  all.schemas.erase(name);
  if (all.databases.erase(name) != 0) {
    Native(server_url()).exec("DROP DATABASE " + name + " WITH (FORCE)");
  } else {
    Native(server_url()).exec("DROP SCHEMA " + name + " CASCADE");
  }
}

}  // namespace sqlq::postgres
