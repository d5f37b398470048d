// The conformance suite on the storage in memory.

#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/error.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/testing/memory_storage.hpp>

#include "model/sequences.hpp"

namespace {

namespace conformance = sqlq::conformance;
using sqlq::testing::MemoryConnection;
using sqlq::testing::MemoryStorage;

/// A storage and the application's own tables beside it: how many rows each has.
struct Place {
  MemoryStorage storage{};
  std::map<std::string, std::int64_t> tables{};
};

/// The places there are, by URL. The suite may make them from several threads.
class Places {
 public:
  std::string make(const std::string& test) {
    const std::lock_guard lock(mutex_);
    const std::string url = "memory:" + test + "_" + std::to_string(++made_);
    places_[url];
    return url;
  }
  Place& at(const std::string& url) {
    const std::lock_guard lock(mutex_);
    const auto place = places_.find(url);
    if (place == places_.end()) throw sqlq::Error(sqlq::Errc::connection, "no storage in memory has this name");
    return place->second;
  }
  void drop(const std::string& url) {
    const std::lock_guard lock(mutex_);
    places_.erase(url);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Place> places_;
  int made_ = 0;
};

Places& places() {
  static Places all;
  return all;
}

/// Understands the few statements the suite uses.
class User final : public conformance::UserConnection {
 public:
  explicit User(const std::string& url) : place_(places().at(url)), connection_(place_.storage) {}

  void execute(const std::string& sql) override {
    if (sql == "BEGIN") {
      connection_.begin();
    } else if (sql == "COMMIT") {
      connection_.commit();
      place_.tables = tables();
      written_.clear();
    } else if (sql == "ROLLBACK") {
      connection_.rollback();
      written_.clear();
    } else if (sql == "newer schema") {
      place_.storage.record_migration(2, "0123456789abcdef");
    } else if (sql == "compatible schema") {
      place_.storage.record_migration(2, "0123456789abcdef", 1);
    } else if (sql == "changed checksum") {
      place_.storage.record_migration(1, "fedcba9876543210");
    } else if (sql == "refuse") {
      place_.storage.refuse("forbidden");
    } else if (sql == "nothing is left") {
      sqlq::Migrator{place_.storage.open()}.teardown();
    } else if (sql.starts_with("CREATE TABLE ")) {
      place_.tables[word(sql, 2)] = 0;
    } else if (sql.starts_with("DROP TABLE ")) {
      place_.tables.erase(word(sql, 2));
    } else if (sql.starts_with("INSERT INTO ")) {
      (connection_.in_transaction() ? written_ : place_.tables)[word(sql, 2)] += 1;
    } else {
      throw std::runtime_error("not understood: " + sql);
    }
  }
  std::int64_t query_int(const std::string& sql) override { return tables().at(word(sql, 3)); }
  bool in_transaction() override { return connection_.in_transaction(); }
  std::string settings() override { return "none"; }
  sqlq::Tx tx() override { return connection_.tx(); }

 private:
  static std::string word(const std::string& sql, int n) {
    std::size_t at = 0;
    for (int i = 0; i < n; ++i) at = sql.find(' ', at) + 1;
    return sql.substr(at, sql.find(' ', at) - at);
  }
  [[nodiscard]] std::map<std::string, std::int64_t> tables() const {
    std::map<std::string, std::int64_t> sum = place_.tables;
    for (const auto& [table, rows] : written_) sum[table] += rows;
    return sum;
  }

  Place& place_;
  MemoryConnection connection_;
  std::map<std::string, std::int64_t> written_{};
};

conformance::Backend in_memory() {
  return {.create = [](const std::string& test) { return places().make(test); },
          .drop = [](const std::string& url) { places().drop(url); },
          .open = [](const std::string& url,
                     sqlq::DatabaseOptions options) { return places().at(url).storage.open(std::move(options)); },
          .handles = {{"MemoryConnection", [](const std::string& url) { return std::make_unique<User>(url); }}},
          .newer_schema_sql = {"newer schema"},
          .changed_checksum_sql = {"changed checksum"},
          .compatible_schema_sql = {"compatible schema"},
          .breakages = {{"the jobs are gone", {"nothing is left"}}},
          .refusals = {{"a word", {"refuse"}}}};
}

}  // namespace

SQLQ_CONFORMANCE(Memory, in_memory);
SQLQ_SEQUENCES(Memory, in_memory);
