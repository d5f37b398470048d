#include "worker/reaper.hpp"

#include <algorithm>
#include <string>

#include "platform/random.hpp"

namespace sqlq::worker {
namespace {

constexpr std::size_t most_per_reap = 1000;
constexpr Duration between_reports = std::chrono::minutes(1);

}  // namespace

Reaper::Reaper(Shared& shared, Fetcher& fetcher, FollowUps& follow_ups)
    : Service(shared.clock()),
      shared_(shared),
      fetcher_(fetcher),
      follow_ups_(follow_ups),
      jitter_(platform::random64()) {}

SteadyPoint Reaper::step() {
  const ReapReport report = shared_.dialect().reap(shared_.options.queues, most_per_reap, shared_.now());
  tell(report.refused);
  if (report.total() > 0) {
    shared_.events.report(Events::Level::info, name(),
                          "leases ended: " + std::to_string(report.returned.size()) + " jobs returned, " +
                              std::to_string(report.errored.size()) + " errored, " +
                              std::to_string(report.cancelled.size()) + " cancelled");
    if (shared_.observed()) {
      shared_.tell(LeasesEnded{.returned = report.returned, .errored = report.errored, .cancelled = report.cancelled});
    }
    for (const auto* const left : {&report.returned, &report.errored, &report.cancelled}) follow_ups_.note_left(*left);
    fetcher_.wake();
  }
  if (report.total() >= most_per_reap) return SteadyPoint::min();
  return saturating_add(shared_.clock().steady(), jitter_.about(shared_.options.sweep));
}

Service::Retry Reaper::retry() const noexcept {
  const auto [first, most] = Service::retry();
  return {std::min(first, shared_.options.sweep), std::min(most, shared_.options.sweep)};
}

void Reaper::tell(const std::vector<JobId>& refused) {
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

}  // namespace sqlq::worker
