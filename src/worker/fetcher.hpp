#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/mutex.hpp"
#include "worker/claim_policy.hpp"
#include "worker/claimer.hpp"
#include "worker/handing_over.hpp"
#include "worker/jitter.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"
#include "worker/suspects.hpp"

namespace sqlq::worker {

/// Says when jobs are claimed, and how many: exactly as many as there are free slots, so that a process that dies harms
/// no more jobs than it has executors. claim_policy.hpp has the rules.
///
/// Thread-safety: step from one thread, hand_over from one other, the rest from any.
class Fetcher final : public Service {
 public:
  Fetcher(Shared& shared, Heartbeat& heartbeat, Watchdog& watchdog, FollowUps& follow_ups);

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "fetcher"; }

  /// Ends the leases of jobs that have succeeded and claims as many others in the same transaction. nullopt:
  /// nothing was done; finish them without a claim. Throws the errors of the claim.
  [[nodiscard]] std::optional<std::vector<FinishStatus>> hand_over(std::span<const backend::Success> ends);
  /// Until then it pays to wait for more outcomes to hand over.
  [[nodiscard]] SteadyPoint gathering_until() const noexcept { return handing_over_.gathering_until(); }
  /// Hands nothing over any more, except in a call that is under way.
  void stop_handing_over() noexcept { handing_over_.stop(); }

  /// When the first scheduled job of its queues is due, as the last claim of a step has seen it.
  [[nodiscard]] std::optional<TimePoint> next_due() const {
    const core::MutexLock lock(mutex_);
    return last_due_;
  }
  /// A slot became free or a job was taken up: there may be room for a claim.
  void look_again() noexcept {
    if (starved_ && policy::worth_claiming(load()) > 0) wake();
  }
  /// The same of outcomes that were written. Those that were not handed over may have made room for jobs of a limited
  /// queue, or for a suspect.
  void outcomes_written(bool handed_over) noexcept {
    if (!handed_over) handing_over_.backlog_is_over();
    look_again();
    if (!handed_over && claimer_.ends_make_room()) wake();
  }

 private:
  [[nodiscard]] policy::Load load() const noexcept;
  [[nodiscard]] Duration poll(bool places_taken) const;
  [[nodiscard]] SteadyPoint next_look(std::optional<TimePoint> next_due, TimePoint asked_wall, Duration wait);

  Shared& shared_;
  Jitter jitter_;
  Suspects suspects_;
  Claimer claimer_;
  HandingOver handing_over_;
  std::atomic<bool> starved_{false};
  std::atomic<bool> backlog_{false};
  mutable core::Mutex mutex_;
  std::optional<TimePoint> last_due_ SQLQ_GUARDED_BY(mutex_);
};

}  // namespace sqlq::worker
