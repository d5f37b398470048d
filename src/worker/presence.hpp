#pragma once

#include <optional>
#include <string>

#include <sqlq/worker_info.hpp>

#include "worker/fetcher.hpp"
#include "worker/jitter.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Tells others that the worker is there, and hears by the answer whether it is to drain. A service of its own, because
/// somebody's lock on the table of workers may keep it waiting: nothing else of the worker waits for it, and a stop no
/// longer than `longest_farewell`. A failure is told once, and the worker works on without being listed.
class Presence final : public Service {
 public:
  /// Longest time between two announcements, of which jitter takes up to a fifth off. Rare, for an idle worker is to
  /// make about a query a second; but often enough that pools keep the connection (15 s, decision 0038).
  static constexpr Duration interval = std::chrono::seconds(14);
  /// The same while they fail: an error that lasts costs a call a minute.
  static constexpr Duration interval_in_trouble = std::chrono::minutes(1);
  /// How long a stop waits for the row to go; else it expires.
  static constexpr Duration longest_farewell = std::chrono::milliseconds(500);

  Presence(Shared& shared, Fetcher& fetcher);

  SteadyPoint step() override;
  /// The row goes, unless it could not be written lately.
  void end() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "presence"; }

 private:
  void announce(backend::Workers& registry);
  void expire_others(backend::Workers& registry);
  void drain(bool on);
  void failed(const std::string& why);

  Shared& shared_;
  Fetcher& fetcher_;
  Jitter jitter_;
  WorkerInfo self_{};                       // from the first step on
  std::optional<SteadyPoint> started_{};
  SteadyPoint next_expiry_ = SteadyPoint::min();
  bool failing_ = false;  // since the last time that it worked; told already
};

}  // namespace sqlq::worker
