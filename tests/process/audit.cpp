#include "audit.hpp"

#include <stdexcept>

#include <sqlq/backend/url.hpp>

#include "audit_servers.hpp"
#include "sqlite_audit.hpp"

namespace sqlq::process {

std::unique_ptr<Audit> open_audit(const std::string& url) {
  const auto parsed = backend::Url::parse(url);
  const std::string& scheme = parsed.scheme();
  if (scheme == "sqlite") return std::make_unique<AuditConnection>(parsed.rest(), 20'000);
#ifdef SQLQ_AUDIT_POSTGRES
  if (scheme == "postgresql" || scheme == "postgres") return audit_postgres(url);
#endif
#ifdef SQLQ_AUDIT_MYSQL
  if (scheme == "mysql" || scheme == "mariadb") return audit_mysql(url);
#endif
  throw std::runtime_error("this build has no auditor for " + scheme);
}

}  // namespace sqlq::process
