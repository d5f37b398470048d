#include "worker/maintenance.hpp"

#include <algorithm>

#include "platform/random.hpp"
#include "platform/user_code.hpp"

namespace sqlq::worker {
namespace {

constexpr std::size_t most_per_call = 1000;
constexpr int sweeps_without_purge = 12;
constexpr Duration between_reports = std::chrono::minutes(1);

}  // namespace

Maintenance::Maintenance(Shared& shared, Fetcher& fetcher)
    : Service(shared.clock()), shared_(shared), fetcher_(fetcher), jitter_(platform::random64()) {}

SteadyPoint Maintenance::step() {
  const bool more_to_reap = attempt("taking back jobs whose lease ended", &Maintenance::reap);
  attempt("taking back crashes that were none", &Maintenance::report_outages);
  const bool more_to_purge = attempt("deleting finished jobs", &Maintenance::purge);
  attempt("looking why nothing is taken", &Maintenance::look_why_idle);
  if (more_to_reap || more_to_purge) return SteadyPoint::min();
  const Duration sweep = shared_.options.sweep;
  return saturating_add(shared_.clock().steady(), jitter_.between(sweep - sweep / 5, sweep));
}

void Maintenance::sweep_all() {
  next_purge_ = SteadyPoint::min();
  step();
}

// One task's failure skips its turn, not the others'.
bool Maintenance::attempt(const char* task, bool (Maintenance::*run)()) {
  try {
    return (this->*run)();
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    shared_.events.report(Events::Level::warning, name(), std::string(task) + " failed: " + current_exception_text());
    return false;
  }
}

bool Maintenance::reap() {
  const ReapReport report = shared_.dialect().reap(shared_.options.queues, most_per_call, shared_.now());
  tell(report.refused);
  if (report.total() == 0) return false;
  shared_.events.report(Events::Level::info, name(),
                        "leases ended: " + std::to_string(report.returned.size()) + " jobs returned, " +
                            std::to_string(report.errored.size()) + " errored, " +
                            std::to_string(report.cancelled.size()) + " cancelled");
  if (shared_.observed()) {
    shared_.tell(LeasesEnded{.returned = report.returned, .errored = report.errored, .cancelled = report.cancelled});
  }
  fetcher_.wake();
  return report.total() >= most_per_call;
}

void Maintenance::tell(const std::vector<JobId>& refused) {
  const SteadyPoint now = shared_.clock().steady();
  std::erase_if(told_, [&](const auto& job) { return now - job.second >= between_reports; });
  for (const JobId& job : refused) {
    if (!told_.emplace(job, now).second) continue;
    shared_.events.report(Events::Level::error, name(),
                          "the lease ended, and the database refuses to take the job back and to end it: a trigger, "
                          "constraint or index of yours; it stays as it is, and keeps its place in its queue's limit, "
                          "until that is mended",
                          job, Events::Code::outcome_refused);
  }
}

bool Maintenance::report_outages() {
  shared_.report_outages();
  return false;
}

// Retentions are hours; a worker that finds nothing to delete need not ask at every sweep.
bool Maintenance::purge() {
  const SteadyPoint now = shared_.clock().steady();
  if (now < next_purge_) return false;
  const PurgeReport report = shared_.dialect().purge(most_per_call, shared_.now());
  for (const JobId id : report.kept) {
    shared_.events.report(Events::Level::warning, name(),
                          "a finished job cannot be deleted: something of yours, as a foreign key, refers to it; "
                          "it is tried again in a day",
                          id);
  }
  const bool some = report.deleted > 0 || !report.kept.empty();
  next_purge_ = some ? SteadyPoint::min() : saturating_add(now, shared_.options.sweep * sweeps_without_purge);
  return report.deleted >= most_per_call;
}

bool Maintenance::look_why_idle() {
  idleness_.look();
  return false;
}

}  // namespace sqlq::worker
