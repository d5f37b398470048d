#pragma once

#include <atomic>
#include <optional>

#include "worker/heartbeat.hpp"
#include "worker/jitter.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"
#include "worker/watchdog.hpp"

namespace sqlq::worker {

/// Claims exactly as many jobs as there are free slots: a job that is claimed is started at once, so when a process
/// dies no more jobs are harmed than it has executors.
class Fetcher final : public Service {
 public:
  /// How many leases may wait for their outcome to be written before no more jobs are claimed.
  static constexpr std::size_t most_unwritten = 1000;

  Fetcher(Shared& shared, Heartbeat& heartbeat, Watchdog& watchdog);

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "fetcher"; }

  /// A slot became free, a job was taken up or outcomes were written: there may be room for a claim.
  void look_again() noexcept {
    if (starved_ && wanted() > 0) wake();
  }
  /// Jobs ended: in a limited queue that makes room for others, and so it does for a suspect.
  void place_freed() noexcept {
    if (limits_seen_ || suspects_wait_) wake();
  }

 private:
  [[nodiscard]] std::size_t room() const noexcept;
  [[nodiscard]] std::size_t wanted() const noexcept;
  [[nodiscard]] SteadyPoint next_look(std::optional<TimePoint> next_due, TimePoint asked_wall);
  [[nodiscard]] SteadyPoint as_long_again(SteadyPoint asked_at) const;
  [[nodiscard]] Duration poll(SteadyPoint now) const;
  void hold(std::vector<Job> jobs, SteadyPoint asked_at);

  Shared& shared_;
  Heartbeat& heartbeat_;
  Watchdog& watchdog_;
  Jitter jitter_;
  std::atomic<bool> starved_{false};
  std::atomic<bool> backlog_{false};             // the last claim got all it asked for
  std::atomic<bool> limits_seen_{false};         // some queue has a limit
  std::atomic<bool> suspects_wait_{false};       // the last claim saw some
  SteadyPoint rest_until_ = SteadyPoint::min();  // no claim before
  std::optional<TimePoint> last_due_;
  std::optional<SteadyPoint> last_found_;  // when a claim last got a job
};

}  // namespace sqlq::worker
