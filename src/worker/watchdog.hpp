#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Ends what runs too long, without asking the database: attempts past their timeout, and leases which by our own clock
/// are about to end because no heartbeat came through (somebody else may have the job soon). While everybody is kept
/// from writing (backend::Outages::locked_since), nobody else can have it. It also tries to get threads that the system
/// refused, and runs the batches that have lingered long enough.
class Watchdog final : public Service {
 public:
  explicit Watchdog(Shared& shared) : Service(shared.clock()), shared_(shared) {}

  SteadyPoint step() override;
  /// Calls `fill` at each step, and each second until it says that all is well. Before the first step.
  void also(std::function<bool()> fill) { fills_.push_back(std::move(fill)); }
  [[nodiscard]] std::string_view name() const noexcept override { return "watchdog"; }

 private:
  SteadyPoint look_after(const HeldPtr& lease, SteadyPoint now);
  [[nodiscard]] bool nobody_can_take(const Held& lease) const;

  [[nodiscard]] bool fill();

  Shared& shared_;
  std::vector<std::function<bool()>> fills_{};
};

}  // namespace sqlq::worker
