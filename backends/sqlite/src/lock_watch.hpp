#pragma once
/// \file
/// What this process has seen of the file's write lock in other hands (decision 0031).

#include <memory>
#include <mutex>
#include <optional>

#include <sqlq/clock.hpp>

namespace sqlq::sqlite {

/// While somebody holds the lock nobody can renew a lease, and nobody can take one back. Thread-safe.
class LockWatch {
 public:
  explicit LockWatch(std::shared_ptr<Clock> clock) : clock_(std::move(clock)) {}

  /// An attempt to take the lock found it in other hands; it looks again about every millisecond.
  void taken() noexcept;
  /// An attempt got it.
  void got() noexcept;

  /// Since when it has been in other hands at every look, the last of which was just now. When that was for long, it is
  /// still said for a moment after we got it, in which we renew. Empty: it is not, or nobody has looked.
  [[nodiscard]] std::optional<SteadyPoint> taken_since() const noexcept;
  /// Leases that ended after this moment are not to be taken back yet: the lock was taken for long, and their holders
  /// have had no time to renew. Empty: there are none.
  [[nodiscard]] std::optional<SteadyPoint> spared_after() const noexcept;
  /// When it was found in other hands last.
  [[nodiscard]] SteadyPoint seen() const noexcept;

 private:
  const std::shared_ptr<Clock> clock_;
  mutable std::mutex mutex_;
  bool open_ = false;        // taken, and not got since
  SteadyPoint began_{};      // the first look of those that found it taken
  SteadyPoint unbroken_{};   // the first since when they follow closely on one another, or on our having got it
  SteadyPoint seen_{};       // the last one
  SteadyPoint spared_after_{};
  SteadyPoint spared_until_ = SteadyPoint::min();
  SteadyPoint counts_until_ = SteadyPoint::min();
};

}  // namespace sqlq::sqlite
