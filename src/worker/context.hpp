#pragma once
// The state behind a JobContext.

#include <string>

#include <sqlq/context.hpp>
#include <sqlq/database.hpp>
#include <sqlq/error.hpp>
#include <sqlq/log.hpp>

#include "core/mutex.hpp"
#include "worker/in_flight.hpp"
#include "worker/interims.hpp"
#include "worker/shared.hpp"

namespace sqlq {

namespace worker {

/// A result that is too large. Let through by the handler it ends the job: the next attempt would do all it did once
/// more, only to come to the same result.
class ResultRefused final : public Error {
 public:
  using Error::Error;
};

}  // namespace worker

struct JobContext::Impl {
  worker::Shared& shared;
  worker::Interims& interims;
  worker::HeldPtr lease;
  JobLogger log;
  core::Mutex mutex{};
  std::string result SQLQ_GUARDED_BY(mutex){};
  bool completed SQLQ_GUARDED_BY(mutex) = false;  // by complete_in, in a transaction that may not be committed
};

}  // namespace sqlq
