#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "worker/fetcher.hpp"
#include "worker/follow_ups.hpp"
#include "worker/jitter.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Takes back jobs whose lease ended. Every worker does it at each sweep; the database keeps them apart. A service of
/// its own, and nothing else is in it: the jobs of the dead wait for no other call (decision 0051).
class Reaper final : public Service {
 public:
  Reaper(Shared& shared, Fetcher& fetcher, FollowUps& follow_ups);

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "rescue"; }
  /// No longer than a sweep: somebody's lock on the table of jobs is to be seen (decision 0037).
  [[nodiscard]] Retry retry() const noexcept override;

 private:
  /// Each once a minute.
  void tell(const std::vector<JobId>& refused);

  Shared& shared_;
  Fetcher& fetcher_;
  FollowUps& follow_ups_;
  Jitter jitter_;
  std::map<JobId, SteadyPoint> told_;  // jobs that cannot be taken back
};

}  // namespace sqlq::worker
