#include "worker/fetcher.hpp"

#include <algorithm>
#include <utility>

#include "core/checks.hpp"
#include "platform/random.hpp"

namespace sqlq::worker {
namespace {

constexpr std::size_t most_per_claim = 10000;
constexpr Duration shortest_poll = std::chrono::milliseconds(5);
constexpr Duration longest_rest = std::chrono::milliseconds(50);
/// Places of a limited queue that were claimed pass from job to job for so long; then every worker may have them.
constexpr Duration replacing_time = std::chrono::seconds(1);
/// Outcomes that wait for a claim wait no longer than this a second time.
constexpr Duration longest_replacement = std::chrono::milliseconds(100);

}  // namespace

Fetcher::Fetcher(Shared& shared, Heartbeat& heartbeat, Watchdog& watchdog)
    : Service(shared.clock()),
      shared_(shared),
      heartbeat_(heartbeat),
      watchdog_(watchdog),
      jitter_(platform::random64()) {}

SteadyPoint Fetcher::step() {
  const std::lock_guard lock(claiming_);
  if (closed_) return SteadyPoint::max();
  starved_ = true;  // before looking, so that what happens from now on wakes us
  const std::size_t most = wanted();
  if (most == 0) return SteadyPoint::max();
  const SteadyPoint asked_at = shared_.clock().steady();
  if (asked_at < rest_until_) return rest_until_;
  starved_ = false;

  const TimePoint asked_wall = shared_.clock().now();
  const bool had_suspect = shared_.in_flight.has_suspect();
  step_claimed_at_ = asked_at;
  const auto [jobs, claimed] = claim(most, {}, asked_at);
  backlog_ = jobs >= most;
  rest_until_ = claimed.limited && !backlog_ ? as_long_again(asked_at) : SteadyPoint::min();
  if (claimed.limited && jobs > 0) replace_until_ = saturating_add(asked_at, replacing_time);
  const bool next_suspect = claimed.suspects && had_suspect && !shared_.in_flight.has_suspect();
  return backlog_ || next_suspect ? SteadyPoint::min() : next_look(claimed.next_due, asked_wall);
}

std::optional<std::vector<FinishStatus>> Fetcher::replace(std::span<const backend::Finish> ends) {
  const std::unique_lock lock(claiming_, std::try_to_lock);
  if (!lock || closed_) return {};
  const SteadyPoint asked_at = shared_.clock().steady();
  const std::size_t most = std::min(ends.size(), room());
  if (asked_at >= replace_until_ || most == 0) return {};
  const SteadyPoint until = std::exchange(replace_until_, SteadyPoint::min());
  auto [jobs, claimed] = claim(most, ends, asked_at);
  if (shared_.clock().steady() - asked_at <= longest_replacement) {
    replace_until_ = until;
    gathering_until_ = as_long_again(asked_at);
  }
  if (jobs == ends.size()) {  // the queue is as full as before: there is nothing to be found in it for a while
    rest_until_ = std::max(rest_until_, saturating_add(step_claimed_at_, longest_rest));
  } else {
    rest_until_ = as_long_again(asked_at);
    wake();
  }
  return std::move(claimed.ended);
}

void Fetcher::close() {
  const std::lock_guard lock(claiming_);
  closed_ = true;
  gathering_until_ = SteadyPoint::min();
}

Fetcher::Claimed Fetcher::claim(std::size_t limit, std::span<const backend::Finish> ends, SteadyPoint asked_at) {
  const std::uint64_t hints = heartbeat_.hints();
  Claimed claimed{.result = shared_.dialect().claim({.queues = shared_.options.queues,
                                                     .kinds = shared_.kinds,
                                                     .limit = limit,
                                                     .token = platform::random_token(),
                                                     .worker = shared_.options.name,
                                                     .suspects = !shared_.in_flight.has_suspect(),
                                                     .ends = ends,
                                                     .now = shared_.now()})};
  core::expect_answers(claimed.result.ended.size(), ends.size());
  claimed.jobs = claimed.result.jobs.size();
  if (claimed.result.limited) limits_seen_ = true;
  suspects_wait_ = claimed.result.suspects;
  if (claimed.jobs > 0) last_found_ = asked_at;
  hold(std::exchange(claimed.result.jobs, {}), asked_at);
  if (heartbeat_.hints() != hints) heartbeat_.hint();
  return claimed;
}

std::size_t Fetcher::room() const noexcept {
  const std::size_t unwritten = shared_.in_flight.size() - std::min(shared_.in_flight.size(), shared_.slots.used());
  const std::size_t writable = most_unwritten - std::min(most_unwritten, unwritten);
  return std::min({shared_.slots.free(), writable, most_per_claim});
}

// With a backlog a claim is worth more the larger it is: while jobs wait for a thread that is being woken, it waits for
// half of the slots. When none waits, every free slot is worth a claim. 0: not worth it now.
std::size_t Fetcher::wanted() const noexcept {
  const std::size_t most = room();
  const bool worth_it = !backlog_ || shared_.ready.empty() || most * 2 >= shared_.slots.capacity();
  return worth_it ? most : 0;
}

void Fetcher::hold(std::vector<Job> jobs, SteadyPoint asked_at) {
  if (jobs.empty()) return;
  std::vector<HeldPtr> leases;
  leases.reserve(jobs.size());
  for (Job& job : jobs) leases.push_back(std::make_shared<Held>(std::move(job), asked_at));

  shared_.counters.claimed += leases.size();
  shared_.slots.take(leases.size());
  shared_.in_flight.add(leases);
  for (const HeldPtr& lease : leases) {
    heartbeat_.wake_by(lease->renew_at());
    watchdog_.wake_by(lease->fence_at());
  }
  shared_.ready.push(std::move(leases));
}

// Claims of a limited queue stand in line for its lock, and each place that becomes free calls for one of every worker.
// Who rests as long as its claim has taken leaves the lock to others, and finds more places the next time.
SteadyPoint Fetcher::as_long_again(SteadyPoint asked_at) const {
  const SteadyPoint now = shared_.clock().steady();
  return saturating_add(now, std::min<Duration>(now - asked_at, longest_rest));
}

// Where nobody tells of other processes' jobs, the wait is a quarter of the time since the last one was found: a job
// is late by a quarter of the pause before it at most, and a worker that is idle for long asks as seldom as any.
Duration Fetcher::poll(SteadyPoint now) const {
  const Duration longest = shared_.options.poll;
  if (shared_.dialect().capabilities().cross_process_wakeup || !last_found_) return longest;
  return std::clamp<Duration>((now - *last_found_) / 4, std::min(shortest_poll, longest), longest);
}

SteadyPoint Fetcher::next_look(std::optional<TimePoint> next_due, TimePoint asked_wall) {
  const SteadyPoint now = shared_.clock().steady();
  const Duration wait = poll(now);
  SteadyPoint next = saturating_add(now, jitter_.between(wait - wait / 5, wait));
  if (next_due) {
    // A due time that had passed is worth one more claim, but not two: its job may be held back by something else
    // (another kind, a limit, a server whose clock differs from ours).
    if (*next_due > asked_wall) {
      next = std::min(next, saturating_add(now, *next_due - shared_.clock().now()));
    } else if (next_due != last_due_) {
      next = now;
    }
  }
  last_due_ = next_due;
  return next;
}

}  // namespace sqlq::worker
