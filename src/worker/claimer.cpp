#include "worker/claimer.hpp"

#include <algorithm>
#include <utility>

#include "core/checks.hpp"
#include "platform/random.hpp"

namespace sqlq::worker {
namespace {

/// While it lives, something is counted.
class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int>& count_;
};

}  // namespace

Claimer::Claimed Claimer::claim(std::size_t slots, std::size_t suspects, Suspects* rounds, const Ask& ask) {
  const SteadyPoint asked_at = shared_.clock().steady();
  backend::ClaimRequest request{.queues = shared_.options.queues,
                                .kinds = shared_.kinds,
                                .limit = slots,
                                .token = platform::random_token(),
                                .worker = shared_.options.name,
                                .suspects = suspects,
                                .now = shared_.now()};
  if (suspects > 1) request.token.value = -request.token.value;
  const std::uint64_t hints = heartbeat_.hints();
  const Counted counted(under_way_);
  Claimed claimed;
  try {
    claimed.result = ask(request);
  } catch (...) {
    shared_.slots.claimed(slots, 0);
    throw;
  }
  std::vector<Job>& jobs = claimed.result.jobs;
  claimed.jobs = jobs.size();
  if (shared_.observed()) {
    shared_.tell(JobsClaimed{.asked = slots, .got = jobs.size(), .took = shared_.clock().steady() - asked_at});
  }
  claimed.suspects = static_cast<std::size_t>(
      std::ranges::count_if(jobs, [](const Job& job) { return is_suspect(job); }));
  if (claimed.result.limited) limits_seen_ = true;
  suspects_wait_ = claimed.result.suspects;
  if (!jobs.empty()) {
    const core::MutexLock lock(mutex_);
    last_found_ = asked_at;
  }
  shared_.slots.claimed(slots, claimed.jobs);
  // A place in the limit of a queue is what its other jobs wait for, on all workers.
  const bool may_linger = claimed.result.of_limited == 0;
  hold(std::exchange(jobs, {}), asked_at, suspects > 1 ? rounds : nullptr, may_linger);
  tell(claimed.result.refused);
  if (heartbeat_.hints() != hints) heartbeat_.hint();
  return claimed;
}

void Claimer::tell(const std::vector<backend::RefusedJob>& jobs) {
  for (const backend::RefusedJob& job : jobs) {
    const auto end = job.ended ? "; the job was ended as errored"
                               : "; it is passed over for a minute: cancel it, or change the database";
    shared_.events.report(Events::Level::error, "fetcher", "the database refuses to start the job: " + job.why + end,
                          job.id, Events::Code::outcome_refused);
    if (job.ended) follow_ups_.note_left({&job.id, 1});
  }
}

void Claimer::hold(std::vector<Job> jobs, SteadyPoint asked_at, Suspects* rounds, bool may_linger) {
  if (jobs.empty()) return;
  std::vector<HeldPtr> leases;
  leases.reserve(jobs.size());
  const SteadyPoint claimed_at = shared_.clock().steady();
  for (Job& job : jobs) leases.push_back(std::make_shared<Held>(std::move(job), asked_at, claimed_at));

  if (rounds != nullptr) rounds->sort_out(leases);
  shared_.counters.claimed += leases.size();
  shared_.in_flight.add(leases);
  for (const HeldPtr& lease : leases) {
    heartbeat_.look_after(lease);
    watchdog_.wake_by(lease->fence_at());
  }
  Batches* const batches = shared_.batches.get();
  const std::vector<HeldPtr> refused =
      batches == nullptr ? shared_.ready.push(std::move(leases)) : batches->push(std::move(leases), may_linger);
  if (batches != nullptr) watchdog_.wake_by(batches->due());
  if (!refused.empty()) give_back(refused);
}

// Not through the completer: when a claim comes back so late, the completer may have ended.
void Claimer::give_back(const std::vector<HeldPtr>& leases) {
  shared_.in_flight.remove(leases);
  shared_.slots.give(leases.size());
  std::vector<backend::Finish> items;
  items.reserve(leases.size());
  for (const HeldPtr& lease : leases) {
    items.push_back({.id = lease->job().id,
                     .token = lease->job().lease_token,
                     .kind = backend::FinishKind::release,
                     .cause = Cause::released});
  }
  const std::vector<FinishStatus> answers = shared_.dialect().finish(items, nullptr, shared_.now());
  core::expect_answers(answers.size(), leases.size());
  follow_ups_.note_released(leases);
  for (std::size_t i = 0; i < leases.size(); ++i) {
    if (!accepted(answers[i])) {
      shared_.ended(leases[i], JobEnd::lost);
    } else if (answers[i] == FinishStatus::cancelled) {
      shared_.ended(leases[i], JobEnd::cancelled, Cause::cancelled);
    } else {
      shared_.ended(leases[i], JobEnd::released, Cause::released);
    }
  }
}

}  // namespace sqlq::worker
