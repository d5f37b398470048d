#pragma once
/// \file
/// The auditors of servers; each is there when its backend is built.

#include "audit.hpp"

namespace sqlq::process {

[[nodiscard]] std::unique_ptr<Audit> audit_postgres(const std::string& url);
[[nodiscard]] std::unique_ptr<Audit> audit_mysql(const std::string& url);

}  // namespace sqlq::process
