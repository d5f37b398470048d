#pragma once

#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Ends what runs too long, without asking the database: attempts past their timeout, and leases which by our own clock
/// are about to end because no heartbeat came through (somebody else may have the job soon). While everybody is kept
/// from writing (Dialect::locked_since), nobody else can have it.
class Watchdog final : public Service {
 public:
  explicit Watchdog(Shared& shared) : Service(shared.clock()), shared_(shared) {}

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "watchdog"; }

 private:
  SteadyPoint look_after(const HeldPtr& lease, SteadyPoint now);
  [[nodiscard]] bool nobody_can_take(const Held& lease) const;

  Shared& shared_;
};

}  // namespace sqlq::worker
