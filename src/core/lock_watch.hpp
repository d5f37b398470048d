#pragma once
/// \file
/// Remembers locks, seen by this process, that kept everybody from writing (decisions 0031 and 0037).

#include <memory>
#include <optional>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>

#include "core/mutex.hpp"

namespace sqlq::core {

/// While somebody holds the lock nobody can renew a lease, and nobody can take one back. Thread-safe.
class SQLQ_API LockWatch {
 public:
  /// `longest_gap`: between two looks. In a longer one somebody may have had the lock and nobody here have seen it.
  explicit LockWatch(std::shared_ptr<Clock> clock, Duration longest_gap = std::chrono::milliseconds(1500))
      : clock_(std::move(clock)), longest_gap_(longest_gap) {}

  /// An attempt to take the lock finds it in other hands now.
  void taken() noexcept;
  /// One that has waited for it since then has just given up.
  void taken(SteadyPoint since) noexcept;
  /// An attempt got it.
  void got() noexcept;
  /// One that began then got it now. A caller that waited for long has seen it taken.
  void got(SteadyPoint since) noexcept;

  /// Since when it has been in other hands at every look, the last of which was just now. When that was for long, it is
  /// still said for a moment after we got it, in which we renew. Empty: it is not, or nobody has looked.
  [[nodiscard]] std::optional<SteadyPoint> taken_since() const noexcept;
  /// Leases that ended after this moment are not to be taken back yet: the lock is taken, or was for long, and their
  /// holders have had no time to renew. Empty: there are none.
  [[nodiscard]] std::optional<SteadyPoint> spared_after() const noexcept;
  /// When it was found in other hands last.
  [[nodiscard]] SteadyPoint seen() const noexcept;

 private:
  void look(SteadyPoint since, SteadyPoint now) noexcept SQLQ_REQUIRES(mutex_);

  const std::shared_ptr<Clock> clock_;
  const Duration longest_gap_;
  mutable Mutex mutex_;
  bool open_ SQLQ_GUARDED_BY(mutex_) = false;  // taken, and not got since
  SteadyPoint began_ SQLQ_GUARDED_BY(mutex_){};  // the first look of those that found it taken
  // The first since when they follow closely on one another, or on our having got it.
  SteadyPoint unbroken_ SQLQ_GUARDED_BY(mutex_){};
  SteadyPoint seen_ SQLQ_GUARDED_BY(mutex_){};  // the last one
  SteadyPoint spared_after_ SQLQ_GUARDED_BY(mutex_){};
  SteadyPoint spared_until_ SQLQ_GUARDED_BY(mutex_) = SteadyPoint::min();
  SteadyPoint counts_until_ SQLQ_GUARDED_BY(mutex_) = SteadyPoint::min();
};

}  // namespace sqlq::core
