#include "sql/strays.hpp"

namespace sqlq::sql {

void Strays::follow(LeaseToken token, const std::vector<Job>& given) {
  Claim claim{.token = token, .since = clock_->steady()};
  for (const Job& job : given) claim.known.insert(job.id);
  const core::MutexLock lock(mutex_);
  claims_.push_back(std::move(claim));
  if (claims_.size() > most) claims_.pop_front();
}

void Strays::forget(LeaseToken token) {
  const core::MutexLock lock(mutex_);
  std::erase_if(claims_, [&](const Claim& claim) { return claim.token == token; });
}

std::vector<Strays::Claim> Strays::to_look_at() {
  std::vector<Claim> due;
  const core::MutexLock lock(mutex_);
  if (claims_.empty()) return due;
  const SteadyPoint now = clock_->steady();
  std::erase_if(claims_, [&](const Claim& claim) { return now - claim.since > longest; });
  for (Claim& claim : claims_) {
    if (claim.next_look > now) continue;
    claim.next_look = saturating_add(now, pace);
    due.push_back(claim);
  }
  return due;
}

}  // namespace sqlq::sql
