#pragma once
/// \file
/// What a part that stores jobs in transactions of its own wants of the dialect, which knows lanes and whom to tell.

#include <functional>
#include <span>

#include <sqlq/backend/dialect.hpp>

#include "core/function_ref.hpp"

namespace sqlq::sql {

struct StoringHost {
  /// Calls it once the lanes of these jobs are there; again when they are gone by then.
  std::function<void(std::span<const backend::EnqueueItem>, const backend::Now&, core::FunctionRef<void()>)> with_lanes;
  /// These jobs were stored, or there is other news for workers.
  std::function<void(std::span<const backend::EnqueueItem>)> tell;
};

}  // namespace sqlq::sql
