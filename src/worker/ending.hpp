#pragma once

#include <optional>
#include <string>

#include <sqlq/backend/dialect.hpp>

#include "worker/in_flight.hpp"

namespace sqlq::worker {

/// How an execution ended, to be written for its lease.
struct Ending {
  HeldPtr lease;
  backend::FinishKind kind = backend::FinishKind::success;
  std::string result{};
  std::string message{};
  Cause cause = Cause::failed;
  Duration delay{0};
  /// The handler completed the job in its own transaction: nothing is written if that was committed, else this ending.
  bool verify = false;
  bool forget_steps = false;  ///< after a success
  bool suspended = false;     ///< snoozed by a durable step
  bool throttled = false;     ///< its gate is shut for `delay` first
  std::optional<Duration> ran{};  ///< how long the handler did, where somebody observes
};

}  // namespace sqlq::worker
