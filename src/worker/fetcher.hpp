#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "worker/heartbeat.hpp"
#include "worker/jitter.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"
#include "worker/suspects.hpp"
#include "worker/watchdog.hpp"

namespace sqlq::worker {

/// Claims exactly as many jobs as there are free slots: a job that is claimed is started at once, so when a process
/// dies no more jobs are harmed than it has executors.
///
/// While there is a backlog a worker of many slots has two claims in flight, each for half of them (decision 0025).
///
/// Thread-safety: step and step_beside from one thread each, the rest from any.
class Fetcher final : public Service {
 public:
  /// How many leases may wait for their outcome to be written before no more jobs are claimed: two full batches.
  static constexpr std::size_t most_unwritten = 2000;

  Fetcher(Shared& shared, Heartbeat& heartbeat, Watchdog& watchdog);

  SteadyPoint step() override;
  /// With a backlog, a claim beside that of `step`. It asks for no suspects and no jobs of queues with a limit: what is
  /// to be heeded there is of one claim at a time.
  SteadyPoint step_beside();
  [[nodiscard]] Service& beside() noexcept { return beside_; }
  /// Whether claims are made two at a time.
  [[nodiscard]] bool two() const noexcept { return two_; }
  [[nodiscard]] std::string_view name() const noexcept override { return "fetcher"; }

  /// Ends leases of jobs that have succeeded and claims as many others in the same transaction, so that the places of a
  /// limited queue pass from job to job without a wait for the other workers. None, and nothing done: it is not the
  /// time for that, and they are to be ended by themselves. Throws what the claim does; the next calls answer none.
  [[nodiscard]] std::optional<std::vector<FinishStatus>> replace(std::span<const backend::Finish> ends);
  /// Until then a replacement that waits for more outcomes is worth more: as long as the last one took.
  [[nodiscard]] SteadyPoint gathering_until() const noexcept { return gathering_until_.load(); }
  /// From now on nothing is replaced, but for what is under way.
  void stop_replacing() noexcept;

  /// When the first scheduled job of its queues is due, as the last claim of a step has seen it.
  [[nodiscard]] std::optional<TimePoint> next_due() const {
    const std::lock_guard lock(mutex_);
    return last_due_;
  }
  /// A slot became free, a job was taken up or outcomes were written: there may be room for a claim.
  void look_again() noexcept {
    if (starved_ && wanted() > 0) wake();
    if (beside_starved_ && wanted_beside() > 0) beside_.wake();
  }
  /// Jobs ended: in a limited queue that makes room for others, and so it does for a suspect.
  void place_freed() noexcept {
    if (limits_seen_ || suspects_wait_) wake();
  }

 private:
  [[nodiscard]] std::size_t room() const noexcept;
  [[nodiscard]] std::size_t share() const noexcept;
  [[nodiscard]] bool large(std::size_t claim) const noexcept;
  [[nodiscard]] std::size_t wanted() const noexcept;
  [[nodiscard]] std::size_t wanted_beside() const noexcept;
  [[nodiscard]] SteadyPoint next_look(std::optional<TimePoint> next_due, TimePoint asked_wall, Duration wait);
  [[nodiscard]] SteadyPoint as_long_again(SteadyPoint asked_at) const;
  [[nodiscard]] Duration poll(bool places_taken) const;
  /// What a claim said but for its jobs, which are held already.
  struct Claimed {
    std::size_t jobs = 0;
    std::size_t suspects = 0;
    bool places_left = false;  // of the leases that it was to end
    backend::ClaimResult result{};
  };
  /// Into slots that were taken; those that stay empty are given back. The request says what is not the same each time.
  [[nodiscard]] Claimed claim(std::size_t slots, backend::ClaimRequest request, SteadyPoint asked_at);
  /// While it lives a claim is under way.
  struct UnderWay {
    explicit UnderWay(Fetcher& fetcher) : its(fetcher) { ++its.under_way_; }
    ~UnderWay() {
      --its.under_way_;
      its.look_again();
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    Fetcher& its;
  };
  /// Jobs that the database refuses to start.
  void tell(const std::vector<backend::RefusedJob>& jobs);
  void hold(std::vector<Job> jobs, SteadyPoint asked_at, bool several_suspects);
  /// Jobs that came when the worker was to stop already.
  void give_back(const std::vector<HeldPtr>& leases);
  void share_when_due(SteadyPoint now);

  Shared& shared_;
  Heartbeat& heartbeat_;
  Watchdog& watchdog_;
  Jitter jitter_;
  Suspects suspects_;  // only step
  Beside<Fetcher> beside_;
  std::atomic<bool> starved_{false};
  std::atomic<bool> beside_starved_{false};
  std::atomic<bool> backlog_{false};             // the last claim of a step got all it asked for
  std::atomic<bool> two_{false};                 // and there is enough for one beside it
  std::atomic<SteadyPoint> two_from_{SteadyPoint::min()};
  std::atomic<int> under_way_{0};                // claims
  std::atomic<bool> limits_seen_{false};         // some queue has a limit
  std::atomic<bool> suspects_wait_{false};       // the last claim saw some
  std::atomic<SteadyPoint> gathering_until_{SteadyPoint::min()};

  std::atomic<bool> may_replace_{true};

  mutable std::mutex mutex_;  // for what follows
  SteadyPoint step_claimed_at_ = SteadyPoint::min();
  SteadyPoint rest_until_ = SteadyPoint::min();     // no step claims before
  SteadyPoint replace_until_ = SteadyPoint::min();  // places pass on until then
  SteadyPoint share_until_ = SteadyPoint::min();    // and are not claimed until then, so that others get them
  bool replaced_ = false;                           // since places were shared last
  std::optional<SteadyPoint> last_found_;           // when a claim last got a job
  std::optional<TimePoint> last_due_;               // what the last step has seen
};

}  // namespace sqlq::worker
