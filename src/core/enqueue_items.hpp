#pragma once
/// \file
/// Jobs as users describe them, as backends store them.

#include <sqlq/backend/capabilities.hpp>
#include <sqlq/backend/requests.hpp>
#include <sqlq/clock.hpp>
#include <sqlq/enqueue.hpp>

namespace sqlq::core {

/// Those of the job, and the one that names its key.
[[nodiscard]] Headers stored_headers(const EnqueueOptions& options);

/// Throws Error(configuration) for a job that has what the backend has no place for.
void check_can_store(const backend::Capabilities& can, const EnqueueOptions& options);

/// Without headers, whose text the caller keeps. `job` has passed check_job (checks.hpp), and outlives the answer, as
/// `defaults` does.
[[nodiscard]] backend::EnqueueItem item_of(const NewJob& job, const ClientOptions& defaults, TimePoint now);

/// Storing it may have to wait for the transaction of somebody who stores the same key or id.
[[nodiscard]] inline bool may_wait(const backend::EnqueueItem& item) noexcept {
  return item.unique_key || !item.fresh_id;
}

}  // namespace sqlq::core
