#include <sqlq/admin.hpp>

#include <algorithm>
#include <iterator>

#include <sqlq/backend/dialect.hpp>

#include "core/findings.hpp"

namespace sqlq {
namespace {

namespace found = core::found;

using Findings = std::vector<Finding>;

void look_at_schema(const MigrationStatus& status, Findings& findings) {
  const std::string has = "the tables have version " + std::to_string(status.current);
  const std::string knows = "this library knows versions up to " + std::to_string(status.latest);
  if (!status.problem.empty()) {
    if (status.current > status.latest) {
      findings.push_back(found::error("schema_newer", status.problem, "use the newer library here"));
    } else {
      findings.push_back(found::error("schema_problem", status.problem, "docs/operations.md, Migrations"));
    }
  } else if (status.current == 0) {
    findings.push_back(found::error("schema_behind", "the database has no sqlq tables yet", "call migrate() once"));
  } else if (status.current < status.latest) {
    findings.push_back(found::error("schema_behind", has + ", this library needs " + std::to_string(status.latest),
                                    "call migrate()"));
  } else if (status.current > status.latest) {
    findings.push_back(found::note("schema_ahead", has + ", with which this library works; " + knows,
                                   "update this program when it suits"));
  }
}

}  // namespace

std::vector<Finding> Admin::doctor() const {
  backend::Dialect& dialect = db_.dialect();
  Findings findings;
  look_at_schema(dialect.migration_status(), findings);
  std::ranges::move(dialect.self_check(), std::back_inserter(findings));
  std::ranges::stable_sort(findings, std::ranges::greater{}, &Finding::severity);
  return findings;
}

}  // namespace sqlq
