#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/mutex.hpp"
#include "worker/follow_ups.hpp"
#include "worker/heartbeat.hpp"
#include "worker/shared.hpp"
#include "worker/suspects.hpp"
#include "worker/watchdog.hpp"

namespace sqlq::worker {

/// Makes claims: takes slots for them, holds what comes, and passes it to the executors.
///
/// Thread-safety: any thread.
class Claimer final {
 public:
  /// What a claim said but for its jobs, which are held already.
  struct Claimed {
    std::size_t jobs = 0;
    std::size_t suspects = 0;  ///< of them
    backend::ClaimResult result{};
  };
  using Ask = std::function<backend::ClaimResult(const backend::ClaimRequest&)>;

  Claimer(Shared& shared, Heartbeat& heartbeat, Watchdog& watchdog, FollowUps& follow_ups)
      : shared_(shared), heartbeat_(heartbeat), watchdog_(watchdog), follow_ups_(follow_ups) {}

  /// A claim for slots that were taken; those that stay empty are given back, also when `ask` throws. `suspects`: how
  /// many may be among them, and who is told when several were.
  [[nodiscard]] Claimed claim(std::size_t slots, std::size_t suspects, Suspects* rounds, const Ask& ask);

  [[nodiscard]] bool under_way() const noexcept { return under_way_ > 0; }
  /// When a claim was made last that got a job.
  [[nodiscard]] std::optional<SteadyPoint> last_found() const {
    const core::MutexLock lock(mutex_);
    return last_found_;
  }
  /// Whether the end of a job may let another one run: some queue has a limit, or suspects wait.
  [[nodiscard]] bool ends_make_room() const noexcept { return limits_seen_ || suspects_wait_; }

 private:
  /// Of jobs that the database refuses to start.
  void tell(const std::vector<backend::RefusedJob>& jobs);
  void hold(std::vector<Job> jobs, SteadyPoint asked_at, Suspects* rounds, bool may_linger);
  /// Jobs that came when the worker was to stop already.
  void give_back(const std::vector<HeldPtr>& leases);

  Shared& shared_;
  Heartbeat& heartbeat_;
  Watchdog& watchdog_;
  FollowUps& follow_ups_;
  std::atomic<int> under_way_{0};
  std::atomic<bool> limits_seen_{false};
  std::atomic<bool> suspects_wait_{false};  // the last claim saw some
  mutable core::Mutex mutex_;
  std::optional<SteadyPoint> last_found_ SQLQ_GUARDED_BY(mutex_);
};

}  // namespace sqlq::worker
