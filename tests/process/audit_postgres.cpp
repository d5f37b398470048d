// The auditor of PostgreSQL, over libpq. Of several servers it asks the one that takes writes, if there is one.

#include <libpq-fe.h>

#include <memory>
#include <stdexcept>

#include <sqlq/backend/url.hpp>
#include <sqlq/postgres.hpp>

#include "audit_servers.hpp"

namespace sqlq::process {
namespace {

class PostgresAudit final : public Audit {
 public:
  explicit PostgresAudit(const std::string& url)
      : schema_(backend::Url::parse(url).option("schema").value_or("public")),
        handle_(connect(url, "read-write")) {
    if (PQstatus(handle_.get()) != CONNECTION_OK) handle_ = connect(url, "any");
    if (PQstatus(handle_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(handle_.get()));
  }

  void each(const std::string& query, const std::function<void(const faults::Texts&)>& row) override {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(handle_.get(), query.c_str()), &PQclear);
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      throw std::runtime_error(query + ": " + PQerrorMessage(handle_.get()));
    }
    for (int i = 0; i < PQntuples(result.get()); ++i) {
      faults::Texts texts;
      for (int c = 0; c < PQnfields(result.get()); ++c) texts.emplace_back(PQgetvalue(result.get(), i, c));
      row(texts);
    }
  }
  [[nodiscard]] std::string named(const std::string& name) const override { return "\"" + schema_ + "\"." + name; }
  [[nodiscard]] Tx tx() override { return postgres::borrow(handle_.get()); }

 private:
  using Handle = std::unique_ptr<PGconn, decltype(&PQfinish)>;
  static Handle connect(const std::string& url, const std::string& which) {
    const std::string whole = url.substr(0, url.find('?')) + "?target_session_attrs=" + which;
    return {PQconnectdb(whole.c_str()), &PQfinish};
  }

  const std::string schema_;
  Handle handle_;
};

}  // namespace

std::unique_ptr<Audit> audit_postgres(const std::string& url) { return std::make_unique<PostgresAudit>(url); }

}  // namespace sqlq::process
