#pragma once
/// \file
/// Time, injected. The library never asks the system for the time or sleeps by itself: it asks a `Clock`.
///
/// Two kinds of time, never mixed:
///   - **wall time** (`TimePoint`, microseconds UTC since 1970) says when a job is due, and is shown to people. It
///     may be stepped backwards or forwards by an operator at any moment;
///   - **steady time** (`SteadyPoint`, microseconds since an arbitrary origin) only goes forward, at the pace of real
///     seconds, and is common to all processes of one host. Leases, timeouts and every wait use it, so that stepping
///     the wall clock runs nothing twice.
///
/// Tests use `testing::ManualClock` (testing/manual_clock.hpp), which only moves when told to.

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <sqlq/export.hpp>

namespace sqlq {

/// All lengths of time, in microseconds.
using Duration = std::chrono::microseconds;
/// Wall time: microseconds since 1970, UTC.
using TimePoint = std::chrono::sys_time<Duration>;

/// Tag of the steady time line (a std::chrono clock without now(): only a `Clock` tells the time).
struct SteadyLine {
  using duration = Duration;                               ///< microseconds
  using rep = duration::rep;                               ///< as std::chrono asks for it
  using period = duration::period;                         ///< as std::chrono asks for it
  using time_point = std::chrono::time_point<SteadyLine>;  ///< a moment on the line
  static constexpr bool is_steady = true;                  ///< nobody can set it
};
/// A moment on the steady line: only differences mean something.
using SteadyPoint = SteadyLine::time_point;

/// Adds without overflow: the result stays within what the time point can hold. Use it for durations given by users.
template <class Point>
[[nodiscard]] constexpr Point saturating_add(Point at, Duration by) noexcept {
  if (by.count() > 0 && at > Point::max() - by) return Point::max();
  if (by.count() < 0 && at < Point::min() - by) return Point::min();
  return at + by;
}

/// A wall time of any unit, such as `system_clock::now()`, as the library's: finer ones are rounded up to the next
/// microsecond, and values out of range become the first or last `TimePoint`.
template <class Unit>
[[nodiscard]] constexpr TimePoint to_time_point(std::chrono::sys_time<Unit> at) noexcept {
  using Wide = std::chrono::duration<long double, Duration::period>;
  const Wide wide(at.time_since_epoch());
  if (wide >= Wide(Duration::max())) return TimePoint::max();
  if (wide <= Wide(Duration::min())) return TimePoint::min();
  return std::chrono::ceil<Duration>(at);
}

/// A wall time or none, for options. Takes a `sys_time` of any unit, such as `system_clock::now() + 5min`, as
/// to_time_point does.
class OptionalTime : public std::optional<TimePoint> {
 public:
  constexpr OptionalTime() noexcept = default;
  /// None.
  constexpr OptionalTime(std::nullopt_t) noexcept {}                                             // NOLINT: converts
  /// That one, or none.
  constexpr OptionalTime(std::optional<TimePoint> at) noexcept : std::optional<TimePoint>(at) {}  // NOLINT: converts
  /// A wall time of any unit.
  template <class Unit>
  constexpr OptionalTime(std::chrono::sys_time<Unit> at) noexcept  // NOLINT: converts
      : std::optional<TimePoint>(to_time_point(at)) {}
};

/// The two times of one moment; what a request to the database carries when a test owns the time.
struct Instant {
  TimePoint wall{};      ///< for due times and time stamps
  SteadyPoint steady{};  ///< for leases
};

/// A thing one thread waits on and others poke: an auto-reset event.
///
/// Thread-safety: `notify` from any thread; `wait_until` from one thread at a time. A notification given while nobody
/// waits is kept (once) for the next wait.
class SQLQ_TYPE Signal {
 public:
  virtual ~Signal() = default;
  /// Ends the current wait, or the next one. Never blocks for long, never throws.
  virtual void notify() noexcept = 0;
  /// Waits for a notification or for `deadline` on the steady line (`SteadyPoint::max()`: for ever).
  /// \return true if notified, false if the deadline passed.
  virtual bool wait_until(SteadyPoint deadline) = 0;
};

/// Source of time and of waiting.
///
/// Thread-safety: all members may be called from any thread. Lifetime: signals may outlive neither their waiters nor
/// the clock that made them.
class SQLQ_TYPE Clock {
 public:
  virtual ~Clock() = default;
  /// The wall time.
  [[nodiscard]] virtual TimePoint now() const = 0;
  /// The moment on the steady line.
  [[nodiscard]] virtual SteadyPoint steady() const = 0;
  /// Names the steady time line: two readings compare only under the same name. Changes when the host restarts.
  [[nodiscard]] virtual std::string steady_epoch() const = 0;
  /// A signal that waits by this clock.
  [[nodiscard]] virtual std::unique_ptr<Signal> make_signal() = 0;
  /// True for clocks under a test's control; then requests carry the test's time instead of the database's.
  [[nodiscard]] virtual bool simulated() const noexcept { return false; }

  /// Both times.
  [[nodiscard]] Instant instant() const { return {now(), steady()}; }
};

/// The machine's clocks. One object for the whole process.
[[nodiscard]] SQLQ_API std::shared_ptr<Clock> system_clock();

}  // namespace sqlq
