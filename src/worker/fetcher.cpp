#include "worker/fetcher.hpp"

#include <algorithm>
#include <utility>

#include "core/checks.hpp"
#include "core/places.hpp"
#include "platform/random.hpp"

namespace sqlq::worker {
namespace {

constexpr std::size_t most_per_claim = 10000;
constexpr Duration shortest_poll = std::chrono::milliseconds(5);
constexpr Duration longest_rest = std::chrono::milliseconds(50);
/// Places of a limited queue pass from job to job for so long; then others have so long to find them free.
constexpr Duration replacing_time = std::chrono::seconds(2);
constexpr Duration sharing_time = std::chrono::milliseconds(100);
/// No second claim is made for so long after one that found less than it asked for.
constexpr Duration time_alone = std::chrono::seconds(1);
/// Outcomes that have waited longer than this for a claim do not wait for the next one.
constexpr Duration longest_replacement = std::chrono::milliseconds(100);

}  // namespace

Fetcher::Fetcher(Shared& shared, Heartbeat& heartbeat, Watchdog& watchdog)
    : Service(shared.clock()),
      shared_(shared),
      heartbeat_(heartbeat),
      watchdog_(watchdog),
      jitter_(platform::random64()),
      suspects_(shared.in_flight),
      beside_(shared.clock(), *this, "second fetcher") {}

SteadyPoint Fetcher::step() {
  starved_ = true;  // before looking, so that what happens from now on wakes us
  if (wanted() == 0) return SteadyPoint::max();
  const SteadyPoint asked_at = shared_.clock().steady();
  SteadyPoint share_until;
  {
    const std::lock_guard lock(mutex_);
    if (asked_at < rest_until_) return rest_until_;
    share_when_due(asked_at);
    share_until = share_until_;
    step_claimed_at_ = asked_at;
  }
  const std::size_t most = shared_.slots.take(wanted());
  if (most == 0) return SteadyPoint::max();
  starved_ = false;

  const TimePoint asked_wall = shared_.clock().now();
  const std::size_t suspects = suspects_.room();
  const bool sharing = asked_at < share_until;
  const Claimed claimed = claim(most, {.suspects = suspects, .limited = !sharing}, asked_at);
  const backend::ClaimResult& said = claimed.result;
  backlog_ = claimed.jobs >= most;
  two_ = shared_.two_in_flight && backlog_ && said.of_limited == 0 && asked_at >= two_from_.load();
  {
    const std::lock_guard lock(mutex_);
    rest_until_ = said.limited && !backlog_ ? as_long_again(asked_at) : SteadyPoint::min();
    if (said.of_limited > 0 && asked_at >= replace_until_) replace_until_ = saturating_add(asked_at, replacing_time);
  }
  if (!said.suspects) suspects_.none_waits();
  const bool next_suspect = said.suspects && claimed.suspects == suspects && suspects_.room() > 0;
  if (backlog_ || next_suspect) return SteadyPoint::min();
  const SteadyPoint next = next_look(said.next_due, asked_wall, poll(said.limited && claimed.jobs == 0));
  return sharing ? std::min(next, share_until) : next;
}

SteadyPoint Fetcher::step_beside() {
  beside_starved_ = true;  // before looking, as above
  const std::size_t most = shared_.slots.take(wanted_beside());
  if (most == 0) return SteadyPoint::max();
  beside_starved_ = false;
  const SteadyPoint asked_at = shared_.clock().steady();
  const Claimed claimed = claim(most, {.suspects = 0, .limited = false, .beside = true}, asked_at);
  if (claimed.jobs < most) {
    two_ = false;
    two_from_ = saturating_add(asked_at, time_alone);
  }
  return SteadyPoint::min();
}

std::optional<std::vector<FinishStatus>> Fetcher::replace(std::span<const backend::Finish> ends) {
  if (!may_replace_) return {};
  const SteadyPoint asked_at = shared_.clock().steady();
  {
    const std::lock_guard lock(mutex_);
    share_when_due(asked_at);
    if (asked_at >= replace_until_) return {};
  }
  const std::size_t most = shared_.slots.take(std::min(ends.size(), room()));
  if (most == 0) return {};
  Claimed claimed;
  try {
    claimed = claim(most, {.suspects = 0, .ends = ends}, asked_at);  // only step may: in rounds
  } catch (...) {
    const std::lock_guard lock(mutex_);
    replace_until_ = SteadyPoint::min();
    throw;
  }
  const SteadyPoint rested = as_long_again(asked_at);
  const std::lock_guard lock(mutex_);
  replaced_ = replaced_ || claimed.result.of_limited > 0;
  if (shared_.clock().steady() - asked_at <= longest_replacement) {
    gathering_until_ = rested;
  } else {
    replace_until_ = SteadyPoint::min();
  }
  if (claimed.places_left) {
    rest_until_ = rested;
    wake();
  } else {  // the queues are as full as before: there is nothing to be found in them for a while
    rest_until_ = std::max(rest_until_, saturating_add(step_claimed_at_, longest_rest));
  }
  return std::move(claimed.result.ended);
}

void Fetcher::share_when_due(SteadyPoint now) {
  if (now >= replace_until_ && std::exchange(replaced_, false)) share_until_ = saturating_add(now, sharing_time);
}

void Fetcher::stop_replacing() noexcept {
  may_replace_ = false;
  gathering_until_ = SteadyPoint::min();
}

Fetcher::Claimed Fetcher::claim(std::size_t slots, backend::ClaimRequest request, SteadyPoint asked_at) {
  request.queues = shared_.options.queues;
  request.kinds = shared_.kinds;
  request.limit = slots;
  request.token = platform::random_token();
  if (request.suspects > 1) request.token.value = -request.token.value;
  request.worker = shared_.options.name;
  request.now = shared_.now();
  const std::uint64_t hints = heartbeat_.hints();
  Claimed claimed;
  const UnderWay under_way(*this);
  try {
    claimed.result = shared_.dialect().claim(request);
    core::expect_answers(claimed.result.ended.size(), request.ends.size());
  } catch (...) {
    two_ = false;
    shared_.slots.claimed(slots, 0);
    throw;
  }
  std::vector<Job> jobs = std::exchange(claimed.result.jobs, {});
  claimed.jobs = jobs.size();
  claimed.places_left = core::leave_places(request.ends, jobs);
  if (claimed.result.limited) limits_seen_ = true;
  if (!request.beside) suspects_wait_ = claimed.result.suspects;
  claimed.suspects = static_cast<std::size_t>(
      std::ranges::count_if(jobs, [](const Job& job) { return is_suspect(job); }));
  if (!jobs.empty()) {
    const std::lock_guard lock(mutex_);
    last_found_ = asked_at;
  }
  shared_.slots.claimed(slots, claimed.jobs);
  hold(std::move(jobs), asked_at, request.suspects > 1);
  tell(claimed.result.refused);
  if (heartbeat_.hints() != hints) heartbeat_.hint();
  return claimed;
}

void Fetcher::tell(const std::vector<backend::RefusedJob>& jobs) {
  for (const backend::RefusedJob& job : jobs) {
    const auto end = job.ended ? "; the job was ended as errored"
                               : "; it is passed over for a minute: cancel it, or change the database";
    shared_.events.report(Events::Level::error, name(), "the database refuses to start the job: " + job.why + end,
                          job.id, Events::Code::outcome_refused);
  }
}

std::size_t Fetcher::room() const noexcept {
  const std::size_t unwritten = shared_.in_flight.size() - std::min(shared_.in_flight.size(), shared_.slots.used());
  const std::size_t writable = most_unwritten - std::min(most_unwritten, unwritten);
  return std::min({shared_.slots.free(), writable, most_per_claim});
}

// Two claims at a time have half of the slots each.
std::size_t Fetcher::share() const noexcept {
  const std::size_t capacity = shared_.slots.capacity();
  return two_ ? (capacity + 1) / 2 : capacity;
}

// The larger a claim the less each of its jobs costs.
bool Fetcher::large(std::size_t claim) const noexcept { return claim * 4 >= share() * 3; }

// With a backlog, a large one only, as long as jobs wait for a thread that is being woken or a claim is under way. When
// no job is about to start, every free slot is worth a claim. 0: not worth it now.
std::size_t Fetcher::wanted() const noexcept {
  const std::size_t most = std::min(room(), share());
  const bool none_about_to_start = shared_.ready.empty() && under_way_ == 0;
  return !backlog_ || none_about_to_start || large(most) ? most : 0;
}

std::size_t Fetcher::wanted_beside() const noexcept {
  const std::size_t most = std::min(room(), share());
  return two_ && large(most) ? most : 0;
}

void Fetcher::hold(std::vector<Job> jobs, SteadyPoint asked_at, bool several_suspects) {
  if (jobs.empty()) return;
  std::vector<HeldPtr> leases;
  leases.reserve(jobs.size());
  for (Job& job : jobs) leases.push_back(std::make_shared<Held>(std::move(job), asked_at));

  if (several_suspects) suspects_.sort_out(leases);
  shared_.counters.claimed += leases.size();
  shared_.in_flight.add(leases);
  for (const HeldPtr& lease : leases) {
    heartbeat_.look_after(lease);
    watchdog_.wake_by(lease->fence_at());
  }
  const std::vector<HeldPtr> refused = shared_.ready.push(std::move(leases));
  if (!refused.empty()) give_back(refused);
}

// By itself: when a claim comes back so late, there may be nobody any more who writes outcomes.
void Fetcher::give_back(const std::vector<HeldPtr>& leases) {
  shared_.in_flight.remove(leases);
  shared_.slots.give(leases.size());
  std::vector<backend::Finish> items;
  items.reserve(leases.size());
  for (const HeldPtr& lease : leases) {
    items.push_back({.id = lease->job().id,
                     .token = lease->job().lease_token,
                     .kind = backend::FinishKind::release,
                     .cause = Cause::released,
                     .queue = lease->job().queue});
  }
  for (const FinishStatus status : shared_.dialect().finish(items, nullptr, shared_.now())) {
    shared_.counters.released += accepted(status) ? 1 : 0;
  }
}

// Claims of a limited queue stand in line for its lock, and each place that becomes free calls for one of every worker.
// Who rests as long as its claim has taken leaves the lock to others, and finds more places the next time.
SteadyPoint Fetcher::as_long_again(SteadyPoint asked_at) const {
  const SteadyPoint now = shared_.clock().steady();
  return saturating_add(now, std::min<Duration>(now - asked_at, longest_rest));
}

// Where nobody tells of other processes' jobs, the wait is a quarter of the time since the last one was found: a job
// is late by a quarter of the pause before it at most, and a worker that is idle for long asks as seldom as any.
// Who found the places of a limited queue taken looks when others share them.
Duration Fetcher::poll(bool places_taken) const {
  Duration longest = shared_.options.poll;
  if (shared_.dialect().capabilities().cross_process_wakeup) return longest;
  if (places_taken) longest = std::min(longest, sharing_time);
  const std::lock_guard lock(mutex_);
  if (!last_found_) return longest;
  const SteadyPoint now = shared_.clock().steady();
  return std::clamp<Duration>((now - *last_found_) / 4, std::min(shortest_poll, longest), longest);
}

SteadyPoint Fetcher::next_look(std::optional<TimePoint> next_due, TimePoint asked_wall, Duration wait) {
  const SteadyPoint now = shared_.clock().steady();
  SteadyPoint next = saturating_add(now, jitter_.between(wait - wait / 5, wait));
  const std::lock_guard lock(mutex_);
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
