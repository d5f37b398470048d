#pragma once
/// \file
/// The time a request carries: none, so that the backend's own clock decides, unless a test owns the time.

#include <sqlq/backend/dialect.hpp>
#include <sqlq/clock.hpp>

namespace sqlq::core {

[[nodiscard]] inline backend::Now request_time(const Clock& clock) {
  return clock.simulated() ? backend::Now(clock.instant()) : std::nullopt;
}

}  // namespace sqlq::core
