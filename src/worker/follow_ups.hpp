#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/mutex.hpp"
#include "core/waiters.hpp"
#include "worker/ending.hpp"
#include "worker/gatekeeper.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// What is to be done once an outcome is written: parents are woken whose children have all ended, steps go that are
/// not to be kept, the gates of keys are looked at (by the gatekeeper), and of a lease that was lost it is said that
/// this worker lives. A service of its own, for it may
/// have to wait for somebody's lock, and no outcome waits for it. Best effort: a parent looks again by itself, steps go
/// with their job, and maintenance says again that the worker lives. A plain job costs a look at its headers, which are
/// empty.
class FollowUps final : public Service {
 public:
  FollowUps(Shared& shared, Gatekeeper& gatekeeper)
      : Service(shared.clock()), shared_(shared), gatekeeper_(gatekeeper) {}

  /// An outcome was written with this answer. Any thread.
  void note(const Ending& ending, FinishStatus status);
  /// These jobs have ended, or gone back, without an outcome. Any thread.
  void note_left(std::span<const JobId> jobs);
  /// These were given back at once. Any thread.
  void note_released(std::span<const HeldPtr> leases);

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "follow-ups"; }
  [[nodiscard]] bool may_end() const override;

 private:
  struct Wanted {
    core::Parents parents{};         // of jobs that have ended
    std::vector<JobId> left{};       // of which nothing more is known yet
    std::vector<JobId> forget{};     // of these jobs the steps
    [[nodiscard]] bool none() const noexcept { return parents.empty() && left.empty() && forget.empty(); }
  };

  void report_outages();
  void tell_waiters(Wanted& wanted);
  void put_back(Wanted wanted);

  Shared& shared_;
  Gatekeeper& gatekeeper_;
  mutable core::Mutex mutex_;
  Wanted wanted_ SQLQ_GUARDED_BY(mutex_){};
};

}  // namespace sqlq::worker
