#pragma once
/// \file
/// A clock that moves only when told to.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>

namespace sqlq::testing {

/// For tests: time stands still until `advance`. Both lines start at 2024-01-01 00:00 UTC / one hour of steady time.
///
/// Threads waiting on its signals really wait (they do not spin) and wake when the time they wait for is reached.
/// Thread-safety: all members from any thread.
class SQLQ_API ManualClock final : public Clock {
 public:
  ManualClock();
  ~ManualClock() override;

  [[nodiscard]] TimePoint now() const override;
  [[nodiscard]] SteadyPoint steady() const override;
  [[nodiscard]] std::string steady_epoch() const override;
  [[nodiscard]] std::unique_ptr<Signal> make_signal() override;
  [[nodiscard]] bool simulated() const noexcept override { return true; }

  /// Moves both lines forward (`by` >= 0) and wakes whoever waited for it.
  void advance(Duration by);
  /// Steps the wall clock only, in either direction, as an operator or NTP would.
  void step_wall(Duration by);
  /// Pretends that the host restarted: another steady epoch, whose line starts again at one hour.
  void restart_host();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sqlq::testing
