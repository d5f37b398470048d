#pragma once

#include <map>
#include <string>
#include <vector>

#include "worker/fetcher.hpp"
#include "worker/idleness.hpp"
#include "worker/jitter.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Takes back jobs whose lease ended, says of this process's own leases among them that it lives, deletes finished ones
/// past their retention, and says why the worker takes nothing. Every worker does it; the database keeps them apart.
class Maintenance final : public Service {
 public:
  Maintenance(Shared& shared, Fetcher& fetcher);

  SteadyPoint step() override;
  /// A step that takes back and purges in any case.
  void sweep_all();
  [[nodiscard]] std::string_view name() const noexcept override { return "maintenance"; }

 private:
  bool reap();
  /// Each once a minute.
  void tell(const std::vector<JobId>& refused);
  bool report_outages();
  bool purge();
  bool look_why_idle();
  bool attempt(const char* task, bool (Maintenance::*run)());

  Shared& shared_;
  Fetcher& fetcher_;
  Jitter jitter_;
  std::map<JobId, SteadyPoint> told_;  // jobs that cannot be taken back
  SteadyPoint next_purge_ = SteadyPoint::min();
  Idleness idleness_{shared_, fetcher_};
};

}  // namespace sqlq::worker
