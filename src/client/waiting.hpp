#pragma once
/// \file
/// Waiting for something in the database, until a deadline: woken by its hints, and looking again without them.

#include <memory>
#include <optional>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/database.hpp>
#include <sqlq/stop_token.hpp>

namespace sqlq::client {

/// One thread at a time. Lives shorter than the database's handle.
class Waiting {
 public:
  Waiting(const Database& db, Duration timeout, sqlq::stop_token stop);

  /// Waits until it is time to look again, or `due` (of the wall clock). False: time is over, or `stop` was tripped.
  [[nodiscard]] bool go_on(std::optional<TimePoint> due = {});

 private:
  Clock& clock_;
  const sqlq::stop_token stop_;
  const SteadyPoint began_;
  const SteadyPoint until_;
  const std::unique_ptr<Signal> signal_;
  sqlq::stop_callback<std::function<void()>> on_stop_;
  std::unique_ptr<backend::Subscription> subscription_;  // last: it pokes the signal
};

}  // namespace sqlq::client
