#pragma once
/// \file
/// Rows about what happens again and again (backend::Periodic), written once for every SQL database over statements
/// that its catalogue names: periodic_first, periodic_due, periodic_next, periodic_list, periodic_get,
/// periodic_versions, periodic_lock, periodic_add, periodic_set, periodic_remove. Names and rows travel as JSON.

#include <memory>

#include <sqlq/backend/dialect.hpp>

#include "sql/operations.hpp"
#include "sql/runner.hpp"
#include "sql/storing_host.hpp"

namespace sqlq::sql {

/// The operations and the runner must outlive it. Thread-safe.
[[nodiscard]] std::unique_ptr<backend::Periodic> make_periodic(Operations& operations, Runner& runner,
                                                               StoringHost host);

}  // namespace sqlq::sql
