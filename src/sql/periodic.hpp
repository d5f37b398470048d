#pragma once
/// \file
/// Rows about what happens again and again (backend::Periodic), written once for every SQL database over statements
/// that its catalogue names: periodic_first, periodic_due, periodic_next, periodic_list, periodic_get,
/// periodic_versions, periodic_lock, periodic_add, periodic_set, periodic_remove. Names and rows travel as JSON.

#include <functional>
#include <memory>
#include <span>

#include <sqlq/backend/dialect.hpp>

#include "core/function_ref.hpp"
#include "sql/operations.hpp"
#include "sql/runner.hpp"

namespace sqlq::sql {

/// What a change wants of the dialect, which knows lanes and whom to tell.
struct PeriodicHost {
  /// Calls it once the lanes of these jobs are there; again when they are gone by then.
  std::function<void(std::span<const backend::EnqueueItem>, const backend::Now&, core::FunctionRef<void()>)> with_lanes;
  /// These jobs were stored, or a row is to be looked at earlier.
  std::function<void(std::span<const backend::EnqueueItem>)> tell;
};

/// The operations and the runner must outlive it. Thread-safe.
[[nodiscard]] std::unique_ptr<backend::Periodic> make_periodic(Operations& operations, Runner& runner,
                                                               PeriodicHost host);

}  // namespace sqlq::sql
