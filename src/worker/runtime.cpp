#include "worker/runtime.hpp"

namespace sqlq::worker {

void Runtime::release(const std::vector<HeldPtr>& leases) {
  std::vector<Ending> endings;
  endings.reserve(leases.size());
  for (const HeldPtr& lease : leases) {
    lease->finish();
    endings.push_back({.lease = lease, .kind = backend::FinishKind::release, .cause = Cause::released});
  }
  completer.submit(std::move(endings));
}

}  // namespace sqlq::worker
