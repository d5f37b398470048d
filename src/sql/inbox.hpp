#pragma once
/// \file
/// The table of the inbox (backend::Inbox), written once for every SQL database over statements that its catalogue
/// names: inbox_rows, inbox_lock, inbox_remove, inbox_keep, inbox_counts.

#include <memory>

#include <sqlq/backend/dialect.hpp>

#include "sql/operations.hpp"
#include "sql/runner.hpp"
#include "sql/storing_host.hpp"

namespace sqlq::sql {

/// The operations and the runner must outlive it. Thread-safe.
[[nodiscard]] std::unique_ptr<backend::Inbox> make_inbox(Operations& operations, Runner& runner, StoringHost host);

}  // namespace sqlq::sql
