#include "worker/maintenance.hpp"

#include <string>

#include "platform/random.hpp"
#include "platform/user_code.hpp"

namespace sqlq::worker {

Maintenance::Maintenance(Shared& shared, const Fetcher& fetcher)
    : Service(shared.clock()), shared_(shared), jitter_(platform::random64()), idleness_(shared, fetcher) {}

SteadyPoint Maintenance::step() {
  attempt("taking back crashes that were none", [this] { shared_.report_outages(); });
  attempt("looking why nothing is taken", [this] { idleness_.look(); });
  return saturating_add(shared_.clock().steady(), jitter_.about(shared_.options.sweep));
}

// One task's failure skips its turn, not the other's.
template <class Run>
void Maintenance::attempt(const char* task, const Run& run) {
  try {
    run();
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    shared_.events.report(Events::Level::warning, name(), std::string(task) + " failed: " + current_exception_text());
  }
}

}  // namespace sqlq::worker
