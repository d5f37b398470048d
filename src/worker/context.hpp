#pragma once
// The state behind a JobContext.

#include <memory>
#include <string>

#include <sqlq/context.hpp>
#include <sqlq/database.hpp>
#include <sqlq/error.hpp>
#include <sqlq/log.hpp>

#include "core/mutex.hpp"
#include "worker/execution_steps.hpp"
#include "worker/in_flight.hpp"
#include "worker/interims.hpp"
#include "worker/shared.hpp"

namespace sqlq {

namespace worker {

/// A result, or value of a step, that is too large. Let through by the handler it ends the job: the next attempt would
/// do all it did once more, only to come to the same result.
class ResultRefused final : public Error {
 public:
  using Error::Error;
};

}  // namespace worker

struct SQLQ_LOCAL JobContext::Impl {
  worker::Shared& shared;
  worker::Interims& interims;
  worker::HeldPtr lease;
  JobLogger log;
  core::Mutex mutex{};
  std::string result SQLQ_GUARDED_BY(mutex){};
  bool completed SQLQ_GUARDED_BY(mutex) = false;  // by complete_in, in a transaction that may not be committed
  std::unique_ptr<worker::ExecutionSteps> steps{};  // the handler's thread; null for most

  /// Made at the first call. Throws Error(misuse) where there can be no step any more.
  worker::ExecutionSteps& its_steps();
};

}  // namespace sqlq
