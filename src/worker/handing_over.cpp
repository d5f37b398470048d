#include "worker/handing_over.hpp"

#include <algorithm>
#include <utility>

#include "core/checks.hpp"
#include "core/places.hpp"
#include "worker/claim_policy.hpp"

namespace sqlq::worker {

std::optional<SteadyPoint> HandingOver::rest_until(SteadyPoint now) {
  const core::MutexLock lock(mutex_);
  if (now < rest_until_) return rest_until_;
  share_when_due(now);
  claiming_since_ = now;
  return std::nullopt;
}

std::optional<SteadyPoint> HandingOver::sharing_until(SteadyPoint now) const {
  const core::MutexLock lock(mutex_);
  return now < sharing_until_ ? std::optional(sharing_until_) : std::nullopt;
}

backend::ClaimResult HandingOver::claim(const backend::ClaimRequest& request) {
  if (!sharing_until(shared_.clock().steady())) return shared_.dialect().claim(request);
  return shared_.dialect().hand_over()->finish_and_claim({.claim = request, .limited = false}).claim;
}

void HandingOver::claimed(SteadyPoint asked_at, const backend::ClaimResult& found, bool full) {
  const bool able = shared_.dialect().hand_over() != nullptr;
  backlog_ = full && !stopped_ && always_pays();
  const core::MutexLock lock(mutex_);
  rest_until_ = found.limited && !full ? rested(asked_at) : SteadyPoint::min();
  if (able && found.of_limited > 0 && asked_at >= passing_until_) {
    passing_until_ = saturating_add(asked_at, passing_time);
  }
}

bool HandingOver::is_time() {
  if (stopped_) return false;
  const SteadyPoint now = shared_.clock().steady();
  const core::MutexLock lock(mutex_);
  share_when_due(now);
  return now < passing_until_ || (backlog_ && now >= sharing_until_);
}

HandingOver::Passed HandingOver::pass_on(std::span<const backend::Success> ends, std::size_t slots) {
  const SteadyPoint asked_at = shared_.clock().steady();
  const bool vain = gather_ > Duration(0) && shared_.in_flight.size() > ends.size();
  if (vain) gather_from_ = saturating_add(asked_at, policy::after_vain(gather_));
  Passed passed;
  Claimer::Claimed claimed;
  std::size_t still_running = 0;
  try {
    // For no suspects: they come in rounds, which the fetcher counts.
    claimed = claimer_.claim(slots, 0, nullptr, [&](const backend::ClaimRequest& request) {
      auto result = shared_.dialect().hand_over()->finish_and_claim({.claim = request, .ends = ends});
      still_running = shared_.slots.with_jobs();
      core::expect_answers(result.ended.size(), ends.size());
      passed.ended = std::move(result.ended);
      passed.places_left = core::leave_places(ends, result.claim.jobs);
      return std::move(result.claim);
    });
  } catch (...) {
    backlog_ = false;
    const core::MutexLock lock(mutex_);
    passing_until_ = SteadyPoint::min();
    throw;
  }
  if (claimed.jobs < slots) backlog_ = false;
  const SteadyPoint now = shared_.clock().steady();
  gather_ = backlog_ && now >= gather_from_ ? policy::gather(now - asked_at, still_running) : Duration(0);
  if (gather_ > Duration(0)) gathering_until_ = saturating_add(now, gather_);
  if (!claimed.result.limited) return passed;  // what follows is about places that other workers wait for
  const SteadyPoint again = rested(asked_at);
  const core::MutexLock lock(mutex_);
  passed_ = passed_ || claimed.result.of_limited > 0;
  if (now - asked_at <= longest_claim) {
    gathering_until_ = again;
  } else {
    passing_until_ = SteadyPoint::min();
  }
  if (passed.places_left) {
    rest_until_ = again;
  } else {  // the queues are as full as before: there is nothing to be found in them for a while
    rest_until_ = std::max(rest_until_, saturating_add(claiming_since_, policy::longest_rest));
  }
  return passed;
}

void HandingOver::stop() noexcept {
  stopped_ = true;
  backlog_ = false;
  gathering_until_ = SteadyPoint::min();
}

bool HandingOver::always_pays() const {
  const backend::HandOver* const part = shared_.dialect().hand_over();
  return part != nullptr && part->always_pays();
}

void HandingOver::share_when_due(SteadyPoint now) {
  if (now >= passing_until_ && std::exchange(passed_, false)) sharing_until_ = saturating_add(now, sharing_time);
}

SteadyPoint HandingOver::rested(SteadyPoint asked_at) const {
  const SteadyPoint now = shared_.clock().steady();
  return saturating_add(now, policy::rest(now - asked_at));
}

}  // namespace sqlq::worker
