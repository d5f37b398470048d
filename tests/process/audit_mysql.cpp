// The auditor of MySQL and MariaDB, over their client library. Of several nodes of a cluster it asks the first that
// answers and is one of it.

#include <mysql.h>

#include <memory>
#include <stdexcept>

#include <sqlq/backend/url.hpp>
#include <sqlq/mysql.hpp>

#include "audit_servers.hpp"
#include "support/mysql_books.hpp"

namespace sqlq::process {
namespace {

class MysqlAudit final : public Audit {
 public:
  explicit MysqlAudit(const std::string& url) : prefix_(backend::Url::parse(url).option("prefix").value_or("")) {
    const auto at = backend::Url::parse(url).authority();
    const bool cluster = at.hosts.size() > 1;
    for (const auto& [host, port] : at.hosts) {
      handle_.reset(mysql_init(nullptr));
      const unsigned tcp = MYSQL_PROTOCOL_TCP;
      mysql_options(handle_.get(), MYSQL_OPT_PROTOCOL, &tcp);
      const unsigned seconds = 5;  // a node may be stopped
      for (const auto what : {MYSQL_OPT_CONNECT_TIMEOUT, MYSQL_OPT_READ_TIMEOUT, MYSQL_OPT_WRITE_TIMEOUT}) {
        if (cluster) mysql_options(handle_.get(), what, &seconds);
      }
      if (mysql_real_connect(handle_.get(), host.c_str(), at.user.c_str(), at.password.value_or("").c_str(),
                             at.path.c_str(), static_cast<unsigned>(port), nullptr, 0) == nullptr) {
        continue;
      }
      if (!cluster || join()) return;
    }
    throw std::runtime_error(cluster ? "no node of the cluster can be asked" : mysql_error(handle_.get()));
  }

  void each(const std::string& query, const std::function<void(const faults::Texts&)>& row) override {
    const auto failed = [&] { return std::runtime_error(query + ": " + mysql_error(handle_.get())); };
    if (mysql_real_query(handle_.get(), query.data(), static_cast<unsigned long>(query.size())) != 0) throw failed();
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(handle_.get()),
                                                                          &mysql_free_result);
    if (!result) {
      if (mysql_errno(handle_.get()) != 0) throw failed();
      return;
    }
    while (const MYSQL_ROW values = mysql_fetch_row(result.get())) {
      const unsigned long* lengths = mysql_fetch_lengths(result.get());
      faults::Texts texts;
      for (unsigned c = 0; c < mysql_num_fields(result.get()); ++c) {
        texts.emplace_back(values[c] == nullptr ? std::string() : std::string(values[c], lengths[c]));
      }
      row(texts);
    }
  }
  [[nodiscard]] std::string named(const std::string& name) const override { return prefix_ + name; }
  [[nodiscard]] std::string id(const std::string& column) const override { return "HEX(" + column + ")"; }
  [[nodiscard]] std::vector<faults::Counter> contradictions() override {
    std::vector<faults::Counter> counters;
    for (const auto& [name, query] : testing::mysql_contradictions(table(""))) {
      counters.push_back({.name = name, .kept = std::stoll(ask(query))});
    }
    return counters;
  }
  [[nodiscard]] Tx tx() override { return mysql::borrow(handle_.get()); }

 private:
  /// What the other nodes have committed is seen. False: the node is none of the cluster now.
  [[nodiscard]] bool join() {
    try {
      bool ready = false;
      each("SHOW STATUS LIKE 'wsrep_ready'", [&](const faults::Texts& row) { ready = row.at(1) == "ON"; });
      if (ready) ask("SET SESSION wsrep_sync_wait = 7");
      return ready;
    } catch (const std::runtime_error&) {  // it fell silent
      return false;
    }
  }

  const std::string prefix_;
  std::unique_ptr<MYSQL, decltype(&mysql_close)> handle_{nullptr, &mysql_close};
};

}  // namespace

std::unique_ptr<Audit> audit_mysql(const std::string& url) { return std::make_unique<MysqlAudit>(url); }

}  // namespace sqlq::process
