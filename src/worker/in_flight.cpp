#include "worker/in_flight.hpp"

#include <algorithm>

#include "platform/user_code.hpp"
#include "worker/suspects.hpp"

namespace sqlq::worker {

bool Held::mark(StopReason reason) noexcept {
  StopReason none = StopReason::none;
  return reason_.compare_exchange_strong(none, reason);
}

void Held::request_stop() noexcept {
  const platform::UserCode user("a stop callback");
  stop_.request_stop();
}

SteadyPoint Held::renew_at(Duration longest) const noexcept {
  return saturating_add(renewed_at_.load(), std::min<Duration>(job_.keepalive / 3, longest));
}

SteadyPoint Held::fence_at() const noexcept {
  return saturating_add(renewed_at_.load(), job_.keepalive - job_.keepalive / 6);
}

std::optional<SteadyPoint> Held::begun_at() const noexcept {
  const SteadyPoint at = begun_at_.load();
  return at == SteadyPoint::min() ? std::nullopt : std::optional(at);
}

void Held::start(SteadyPoint now, SteadyPoint timeout_at) noexcept {
  begun_at_.store(now);
  timeout_at_.store(timeout_at);
  phase_.store(Phase::running);
}

void Outlived::add(const HeldPtr& lease, SteadyPoint now) {
  if (lease->outage_known()) return;
  const core::MutexLock lock(mutex_);
  entries_.push_back({lease, saturating_add(now, lease->job().keepalive + std::chrono::minutes(5))});
  if (entries_.size() > most) entries_.pop_front();
  new_ = true;
}

std::vector<HeldPtr> Outlived::waiting(SteadyPoint now) {
  const core::MutexLock lock(mutex_);
  std::erase_if(entries_, [&](const Entry& e) { return e.until < now; });
  std::vector<HeldPtr> leases;
  for (const Entry& e : entries_) leases.push_back(e.lease);
  return leases;
}

void Outlived::remove(std::span<const HeldPtr> leases) {
  const core::MutexLock lock(mutex_);
  std::erase_if(entries_, [&](const Entry& e) { return std::ranges::find(leases, e.lease) != leases.end(); });
}

void InFlight::add(std::span<const HeldPtr> leases) {
  const core::MutexLock lock(mutex_);
  for (const HeldPtr& lease : leases) {
    if (leases_.emplace(lease.get(), lease).second && is_suspect(lease->job())) ++suspects_;
  }
  size_.store(leases_.size());
}

void InFlight::remove(std::span<const HeldPtr> leases) {
  const core::MutexLock lock(mutex_);
  for (const HeldPtr& lease : leases) {
    if (leases_.erase(lease.get()) == 0 || !is_suspect(lease->job())) continue;
    if (!lease->unwanted() && !must_be_alone(lease->job())) ++suspects_ended_;
    --suspects_;
  }
  size_.store(leases_.size());
}

std::vector<HeldPtr> InFlight::snapshot() const {
  const core::MutexLock lock(mutex_);
  std::vector<HeldPtr> all;
  all.reserve(leases_.size());
  for (const auto& [key, lease] : leases_) all.push_back(lease);
  return all;
}

}  // namespace sqlq::worker
