#include "core/lock_watch.hpp"

#include <algorithm>

namespace sqlq::core {
namespace {

using std::chrono::milliseconds;

/// A lock of less than this keeps no worker from renewing in time: the shortest lease is a second long and renewed
/// after a third of it.
constexpr Duration noticeable = milliseconds(250);
/// How long holders of leases are left to renew once the lock is free: longer than a heartbeat that gave up waits
/// before it tries again. After a short time none has given up, so that as much again is enough.
constexpr Duration left_to_renew = milliseconds(2000);
/// How much of that a holder counts on.
constexpr Duration counted_on = milliseconds(1500);

}  // namespace

void LockWatch::look(SteadyPoint since, SteadyPoint now) noexcept {
  began_ = open_ ? std::min(began_, since) : since;
  if (open_ ? since - seen_ > longest_gap_ : now >= counts_until_) unbroken_ = since;
  open_ = true;
  seen_ = now;
}

void LockWatch::taken() noexcept {
  const SteadyPoint now = clock_->steady();
  const MutexLock lock(mutex_);
  look(now, now);
}

void LockWatch::taken(SteadyPoint since) noexcept {
  const SteadyPoint now = clock_->steady();
  const MutexLock lock(mutex_);
  look(since, now);
}

void LockWatch::got() noexcept {
  const MutexLock lock(mutex_);
  if (!open_) return;
  open_ = false;
  const SteadyPoint now = clock_->steady();
  if (now - began_ < noticeable) return;
  // One that began while holders were still left their time goes on with the one before it.
  spared_after_ = began_ < spared_until_ ? std::min(spared_after_, began_) : began_;
  const Duration taken = now - spared_after_;
  spared_until_ = saturating_add(now, std::min(left_to_renew, taken));
  counts_until_ = saturating_add(now, std::min(counted_on, taken * 3 / 4));
}

void LockWatch::got(SteadyPoint since) noexcept {
  const SteadyPoint now = clock_->steady();
  if (now - since >= noticeable) {
    const MutexLock lock(mutex_);
    look(since, now);
  }
  got();
}

std::optional<SteadyPoint> LockWatch::taken_since() const noexcept {
  const MutexLock lock(mutex_);
  const SteadyPoint now = clock_->steady();
  if (open_ ? now - seen_ > longest_gap_ : now >= counts_until_) return std::nullopt;
  return unbroken_;
}

std::optional<SteadyPoint> LockWatch::spared_after() const noexcept {
  const MutexLock lock(mutex_);
  const bool spares = clock_->steady() < spared_until_;
  if (open_) return spares ? std::min(spared_after_, began_) : began_;
  return spares ? std::optional(spared_after_) : std::nullopt;
}

SteadyPoint LockWatch::seen() const noexcept {
  const MutexLock lock(mutex_);
  return seen_;
}

}  // namespace sqlq::core
