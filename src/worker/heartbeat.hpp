#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Renews all leases of the process in one call before the first of them needs it, and hears of cancellations and lost
/// leases by the answer. Never waits for anything of the user's: not for a lock, a stop callback or on_event.
class Heartbeat final : public Service {
 public:
  explicit Heartbeat(Shared& shared) : Service(shared.clock()), shared_(shared) {}

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "heartbeat"; }
  /// Quicker than the others: leases are running out.
  [[nodiscard]] Retry retry() const noexcept override {
    return {std::chrono::milliseconds(100), std::chrono::milliseconds(400)};
  }

  /// The lease is held from now on: beats in time for it.
  void look_after(const HeldPtr& lease) { wake_by(due_of(*lease)); }
  /// There may be news for running jobs (a cancellation): beat soon, at most twice a second.
  void hint() noexcept;
  /// How many there were. A claim that sees others after it than before it hints again: they may be about its jobs.
  [[nodiscard]] std::uint64_t hints() const noexcept { return hints_.load(); }

 private:
  [[nodiscard]] SteadyPoint due_of(const Held& lease) const;
  std::vector<LeaseStatus> renew(std::span<const backend::LeaseRef> leases);
  void answer(const HeldPtr& lease, LeaseStatus status, SteadyPoint asked_at);

  Shared& shared_;
  std::atomic<std::uint64_t> hints_{0};
  std::atomic<bool> hinted_{false};  // and nobody has asked since
  SteadyPoint last_ = SteadyPoint::min();
};

}  // namespace sqlq::worker
