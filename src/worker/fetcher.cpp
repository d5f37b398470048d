#include "worker/fetcher.hpp"

#include <algorithm>

#include "platform/random.hpp"

namespace sqlq::worker {

Fetcher::Fetcher(Shared& shared, Heartbeat& heartbeat, Watchdog& watchdog, FollowUps& follow_ups)
    : Service(shared.clock()),
      shared_(shared),
      jitter_(platform::random64()),
      suspects_(shared.in_flight),
      claimer_(shared, heartbeat, watchdog, follow_ups),
      handing_over_(shared, claimer_) {}

SteadyPoint Fetcher::step() {
  starved_ = true;  // before looking, so that what happens from now on wakes us
  if (policy::worth_claiming(load()) == 0) return SteadyPoint::max();  // a change of that wakes us
  const SteadyPoint asked_at = shared_.clock().steady();
  if (const auto rest = handing_over_.rest_until(asked_at)) return *rest;
  const std::size_t most = shared_.slots.take(policy::worth_claiming(load()));
  if (most == 0) return SteadyPoint::max();
  starved_ = false;

  const TimePoint asked_wall = shared_.clock().now();
  const auto sharing_until = handing_over_.sharing_until(asked_at);
  const std::size_t suspects = suspects_.room();
  const auto ask = [this](const backend::ClaimRequest& request) { return handing_over_.claim(request); };
  const Claimer::Claimed claimed = claimer_.claim(most, suspects, &suspects_, ask);
  const backend::ClaimResult& said = claimed.result;
  backlog_ = claimed.jobs >= most;
  handing_over_.claimed(asked_at, said, backlog_);
  if (!said.suspects) suspects_.none_waits();
  const bool next_suspect = said.suspects && claimed.suspects == suspects && suspects_.room() > 0;
  if (backlog_ || next_suspect) return SteadyPoint::min();
  const SteadyPoint next = next_look(said.next_due, asked_wall, poll(said.limited && claimed.jobs == 0));
  return std::min(next, sharing_until.value_or(SteadyPoint::max()));
}

std::optional<std::vector<FinishStatus>> Fetcher::hand_over(std::span<const backend::Success> ends) {
  if (!handing_over_.is_time()) return {};
  const std::size_t room = policy::room(load());
  const std::size_t most = shared_.slots.take(handing_over_.has_backlog() ? room : std::min(ends.size(), room));
  if (most == 0) return {};
  HandingOver::Passed passed = handing_over_.pass_on(ends, most);
  if (passed.places_left) wake();
  return std::move(passed.ended);
}

policy::Load Fetcher::load() const noexcept {
  return {.slots = shared_.slots.capacity(),
          .free = shared_.slots.free(),
          .unwritten = shared_.in_flight.size() - std::min(shared_.in_flight.size(), shared_.slots.used()),
          .backlog = backlog_,
          .about_to_start = !shared_.ready.empty() || claimer_.under_way(),
          .handing_over = handing_over_.has_backlog(),
          .draining = shared_.draining};
}

// A worker that found the places of a limited queue taken looks when others share them.
Duration Fetcher::poll(bool places_taken) const {
  const bool hints = shared_.dialect().capabilities().cross_process_wakeup;
  Duration longest = shared_.options.poll;
  if (places_taken && !hints) longest = std::min(longest, HandingOver::sharing_time);
  std::optional<Duration> since_found;
  if (const auto last = claimer_.last_found()) since_found = shared_.clock().steady() - *last;
  return policy::poll(longest, hints, since_found);
}

SteadyPoint Fetcher::next_look(std::optional<TimePoint> next_due, TimePoint asked_wall, Duration wait) {
  const SteadyPoint now = shared_.clock().steady();
  SteadyPoint next = saturating_add(now, jitter_.about(wait));
  const core::MutexLock lock(mutex_);
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
