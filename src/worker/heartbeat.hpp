#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Renews all leases of the process in one call before the first of them needs it, and hears of cancellations and lost
/// leases by the answer.
class Heartbeat final : public Service {
 public:
  explicit Heartbeat(Shared& shared) : Service(shared.clock()), shared_(shared) {}

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "heartbeat"; }
  /// Quicker than the others: leases are running out.
  [[nodiscard]] Retry retry() const noexcept override {
    return {std::chrono::milliseconds(100), std::chrono::seconds(1)};
  }

  /// There may be news for running jobs (a cancellation): beat soon, at most twice a second.
  void hint() noexcept;

 private:
  std::vector<LeaseStatus> renew(std::span<const backend::LeaseRef> leases);
  void answer(const HeldPtr& lease, LeaseStatus status, SteadyPoint asked_at);

  Shared& shared_;
  std::atomic<bool> hinted_{false};
  SteadyPoint last_ = SteadyPoint::min();
};

}  // namespace sqlq::worker
