#pragma once
/// \file
/// Jobs as users describe them, as backends store them.

#include <sqlq/backend/requests.hpp>
#include <sqlq/clock.hpp>
#include <sqlq/enqueue.hpp>

namespace sqlq::core {

/// Without headers, whose text the caller keeps. `job` has passed check_job (checks.hpp), and outlives the answer, as
/// `defaults` does.
[[nodiscard]] backend::EnqueueItem item_of(const NewJob& job, const ClientOptions& defaults, TimePoint now);

/// Storing it may have to wait for the transaction of somebody who stores the same key or id.
[[nodiscard]] inline bool may_wait(const backend::EnqueueItem& item) noexcept {
  return item.unique_key || !item.fresh_id;
}

}  // namespace sqlq::core
