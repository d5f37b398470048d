#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/mutex.hpp"
#include "worker/claimer.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Writes outcomes and claims jobs in one transaction (backend::HandOver; decision 0023).
///
/// Of queues with a limit, so that their places pass from job to job without a wait for other workers: for two seconds
/// at a time, then the places are free for others for a moment. Of all queues while there is a backlog, where the
/// backend says that it always pays. A backend without HandOver finishes and claims by two calls.
///
/// Thread-safety: `rest_until`, `claim` and `claimed` from the fetcher's thread, `pass_on` from the completer's, the
/// rest from any.
class HandingOver final {
 public:
  /// Places pass on for so long; then other workers have so long to find them free.
  static constexpr Duration passing_time = std::chrono::seconds(2);
  static constexpr Duration sharing_time = std::chrono::milliseconds(100);
  /// Outcomes that have waited longer than this for a claim do not wait for the next one.
  static constexpr Duration longest_claim = std::chrono::milliseconds(100);

  HandingOver(Shared& shared, Claimer& claimer) : shared_(shared), claimer_(claimer) {}

  // For ordinary claims.

  /// Before that the fetcher makes no claim; nullopt: now. Then the claim begins.
  [[nodiscard]] std::optional<SteadyPoint> rest_until(SteadyPoint now);
  /// Until then claims leave the jobs of limited queues to other workers; nullopt: they do not.
  [[nodiscard]] std::optional<SteadyPoint> sharing_until(SteadyPoint now) const;
  [[nodiscard]] backend::ClaimResult claim(const backend::ClaimRequest& request);
  /// Whether outcomes bring jobs of a backlog with them, so that claims need not be made as long as some are to be
  /// written.
  [[nodiscard]] bool has_backlog() const noexcept { return backlog_; }
  void backlog_is_over() noexcept { backlog_ = false; }
  /// Takes note of the jobs that the claim begun at `asked_at` has found; `full`: as many as it asked for.
  void claimed(SteadyPoint asked_at, const backend::ClaimResult& found, bool full);

  // For outcomes.

  struct Passed {
    std::vector<FinishStatus> ended{};
    bool places_left = false;  ///< a queue has room for others now
  };
  [[nodiscard]] bool is_time();
  /// Ends these and claims into slots that were taken. Throws what the claim does; then nothing is passed on until an
  /// ordinary claim finds jobs of a limited queue again.
  [[nodiscard]] Passed pass_on(std::span<const backend::Success> ends, std::size_t slots);
  /// Until then it pays to wait for more outcomes: as long as the last one took, or as policy::gather says.
  [[nodiscard]] SteadyPoint gathering_until() const noexcept { return gathering_until_.load(); }
  /// Passes nothing on any more, except in a call that is under way.
  void stop() noexcept;

 private:
  [[nodiscard]] bool always_pays() const;
  void share_when_due(SteadyPoint now) SQLQ_REQUIRES(mutex_);
  [[nodiscard]] SteadyPoint rested(SteadyPoint asked_at) const;

  Shared& shared_;
  Claimer& claimer_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> backlog_{false};  // and it pays to hand over all jobs of it
  std::atomic<SteadyPoint> gathering_until_{SteadyPoint::min()};
  Duration gather_{0};  // of pass_on, as the next: how long outcomes of the backlog gather before the next time
  SteadyPoint gather_from_ = SteadyPoint::min();
  mutable core::Mutex mutex_;
  SteadyPoint claiming_since_ SQLQ_GUARDED_BY(mutex_) = SteadyPoint::min();  // the last ordinary claim
  SteadyPoint rest_until_ SQLQ_GUARDED_BY(mutex_) = SteadyPoint::min();
  SteadyPoint passing_until_ SQLQ_GUARDED_BY(mutex_) = SteadyPoint::min();
  SteadyPoint sharing_until_ SQLQ_GUARDED_BY(mutex_) = SteadyPoint::min();
  bool passed_ SQLQ_GUARDED_BY(mutex_) = false;  // something, since places were shared last
};

}  // namespace sqlq::worker
