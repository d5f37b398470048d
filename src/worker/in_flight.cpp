#include "worker/in_flight.hpp"

#include <algorithm>

namespace sqlq::worker {

bool Held::trip(StopReason reason) noexcept {
  StopReason none = StopReason::none;
  if (!reason_.compare_exchange_strong(none, reason)) return false;
  stop_.request_stop();
  return true;
}

bool Held::lose() noexcept {
  const bool first = !lost_.exchange(true);
  trip(StopReason::lease_lost);
  return first;
}

SteadyPoint Held::renew_at() const noexcept {
  return saturating_add(renewed_at_.load(), std::min<Duration>(job_.keepalive / 3, std::chrono::seconds(10)));
}

SteadyPoint Held::fence_at() const noexcept {
  return saturating_add(renewed_at_.load(), job_.keepalive - job_.keepalive / 6);
}

void Held::start(SteadyPoint timeout_at) noexcept {
  timeout_at_.store(timeout_at);
  phase_.store(Phase::running);
}

void InFlight::add(std::span<const HeldPtr> leases) {
  const std::lock_guard lock(mutex_);
  for (const HeldPtr& lease : leases) {
    if (leases_.emplace(lease.get(), lease).second && is_suspect(lease->job())) ++suspects_;
  }
  size_.store(leases_.size());
}

void InFlight::remove(std::span<const HeldPtr> leases) {
  const std::lock_guard lock(mutex_);
  for (const HeldPtr& lease : leases) {
    if (leases_.erase(lease.get()) > 0 && is_suspect(lease->job())) --suspects_;
  }
  size_.store(leases_.size());
}

std::vector<HeldPtr> InFlight::snapshot() const {
  const std::lock_guard lock(mutex_);
  std::vector<HeldPtr> all;
  all.reserve(leases_.size());
  for (const auto& [key, lease] : leases_) all.push_back(lease);
  return all;
}

void InFlight::trip_all(StopReason reason) {
  for (const HeldPtr& lease : snapshot()) lease->trip(reason);
}

}  // namespace sqlq::worker
