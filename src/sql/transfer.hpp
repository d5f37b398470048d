#pragma once
/// \file
/// Jobs on their way out of a database and into it (backend::Transfer). Reading is written once, over statements that
/// the catalogue names: transfer_ids, transfer_sizes, transfer_history, transfer_log, transfer_steps and get. Storing
/// is an operation of each database (Operations::store_jobs).

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/function_ref.hpp"
#include "sql/catalogue.hpp"
#include "sql/operations.hpp"
#include "sql/runner.hpp"

namespace sqlq::sql {

/// How jobs are stored: by the dialect, which knows lanes and whom to tell.
using StoreJobs = std::function<std::vector<backend::StoreStatus>(std::span<const backend::StoredJob>,
                                                                  const backend::Now&)>;

/// The catalogue and the runner must outlive it. Thread-safe.
[[nodiscard]] std::unique_ptr<backend::Transfer> make_transfer(const Catalogue& catalogue, Runner& runner,
                                                               StoreJobs store);

/// Calls `store` for some of them after the other, so that none of a call collide and of those that do the first comes
/// first: nearly always once, for all. Several calls are one transaction.
[[nodiscard]] std::vector<backend::StoreStatus> store_in_rounds(
    Work& work, std::span<const backend::StoredJob> jobs,
    core::FunctionRef<std::vector<backend::StoreStatus>(DistinctJobs)> store);

}  // namespace sqlq::sql
