#pragma once
// What is behind a JobContext.

#include <mutex>
#include <string>

#include <sqlq/context.hpp>
#include <sqlq/database.hpp>
#include <sqlq/log.hpp>

#include "worker/in_flight.hpp"
#include "worker/shared.hpp"

namespace sqlq {

struct JobContext::Impl {
  worker::Shared& shared;
  worker::HeldPtr lease;
  JobLogger log;
  std::mutex mutex{};
  std::string result{};    // guarded by mutex
  bool completed = false;  // guarded by mutex: by complete_in, in a transaction that may or may not be committed
};

}  // namespace sqlq
