#include "worker/retention.hpp"

#include "platform/random.hpp"

namespace sqlq::worker {
namespace {

constexpr std::size_t most_per_purge = 1000;
/// A worker that finds nothing to delete need not ask at every sweep.
constexpr int sweeps_without = 12;

}  // namespace

Retention::Retention(Shared& shared) : Service(shared.clock()), shared_(shared), jitter_(platform::random64()) {}

SteadyPoint Retention::step() {
  const PurgeReport report = shared_.dialect().purge(most_per_purge, shared_.now());
  for (const JobId id : report.kept) {
    shared_.events.report(Events::Level::warning, name(),
                          "a finished job cannot be deleted: something of yours, as a foreign key, refers to it; "
                          "it is tried again in a day",
                          id);
  }
  if (report.deleted >= most_per_purge) return SteadyPoint::min();
  const bool some = report.deleted > 0 || !report.kept.empty();
  const Duration pause = shared_.options.sweep * (some ? 1 : sweeps_without);
  return saturating_add(shared_.clock().steady(), jitter_.between(pause, pause + pause / 5));
}

}  // namespace sqlq::worker
