#include "worker/runtime.hpp"

#include <utility>

namespace sqlq::worker {

Runtime::Runtime(Database db, Handlers handlers, WorkerOptions options)
    : shared(std::move(db), std::move(handlers), std::move(options)) {
  gatekeeper.connect({.let_in = [this] { fetcher.wake(); },
                      .shut = [this](Ending ending) { completer.submit(std::move(ending)); }});
}

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
