#include "lock_watch.hpp"

#include <algorithm>

namespace sqlq::sqlite {
namespace {

using std::chrono::milliseconds;

/// Between two looks; in a longer one somebody may have had the lock and nobody here have seen it free. A worker whose
/// heartbeat gave up at busy_timeout looks again within a second.
constexpr Duration longest_gap = milliseconds(1500);
/// What keeps nobody from renewing in time: the shortest lease is a second long and renewed after a third of it.
constexpr Duration noticeable = milliseconds(250);
/// How long holders of leases are left to renew once the lock is free: longer than a heartbeat that gave up waits
/// before it tries again. After a short time none has given up, so that as much again is enough.
constexpr Duration left_to_renew = milliseconds(2000);
/// How much of that a holder counts on.
constexpr Duration counted_on = milliseconds(1500);

}  // namespace

void LockWatch::taken() noexcept {
  const SteadyPoint now = clock_->steady();
  const std::lock_guard lock(mutex_);
  if (!open_) began_ = now;
  if (open_ ? now - seen_ > longest_gap : now >= counts_until_) unbroken_ = now;
  open_ = true;
  seen_ = now;
}

void LockWatch::got() noexcept {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  open_ = false;
  const SteadyPoint now = clock_->steady();
  const Duration taken = now - began_;
  if (taken < noticeable) return;
  spared_after_ = began_;
  spared_until_ = saturating_add(now, std::min(left_to_renew, taken));
  counts_until_ = saturating_add(now, std::min(counted_on, taken * 3 / 4));
}

std::optional<SteadyPoint> LockWatch::taken_since() const noexcept {
  const std::lock_guard lock(mutex_);
  const SteadyPoint now = clock_->steady();
  if (open_ ? now - seen_ > longest_gap : now >= counts_until_) return std::nullopt;
  return unbroken_;
}

std::optional<SteadyPoint> LockWatch::spared_after() const noexcept {
  const std::lock_guard lock(mutex_);
  if (clock_->steady() >= spared_until_) return std::nullopt;
  return spared_after_;
}

SteadyPoint LockWatch::seen() const noexcept {
  const std::lock_guard lock(mutex_);
  return seen_;
}

}  // namespace sqlq::sqlite
