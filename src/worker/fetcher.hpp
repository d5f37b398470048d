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

  /// A slot became free.
  void slot_freed() noexcept {
    if (starved_) wake();
  }

 private:
  [[nodiscard]] std::size_t room() const noexcept;
  [[nodiscard]] SteadyPoint next_look(std::optional<TimePoint> next_due, TimePoint asked_wall);
  void hold(std::vector<Job> jobs, SteadyPoint asked_at);

  Shared& shared_;
  Heartbeat& heartbeat_;
  Watchdog& watchdog_;
  Jitter jitter_;
  std::atomic<bool> starved_{false};
  std::optional<TimePoint> last_due_;
};

}  // namespace sqlq::worker
