#pragma once

#include <algorithm>
#include <atomic>
#include <optional>

#include <sqlq/backend/capabilities.hpp>
#include <sqlq/clock.hpp>

#include "worker/jitter.hpp"

namespace sqlq::worker {

/// When a service looks into the database: at the time that it has read there, soon after a hint, and now and then in
/// any case.
///
/// Thread-safety: `hint` from any thread, the rest from one.
class Pace final {
 public:
  /// What it rests for where it has no right to read, or where there is no table.
  static constexpr Duration longest_rest = std::chrono::minutes(1);

  /// How soon a look follows another one.
  struct Gaps {
    Duration least;  ///< after a hint: a quarter of the time since something was found last, but no less...
    Duration most;   ///< ... and no more
    /// In any case: so soon is seen of what nobody has told the worker. Rare, for an idle worker makes no more than a
    /// query a second for everything it does.
    Duration longest = std::chrono::seconds(10);
    /// The same where the database tells of changes: a net below what is lost.
    Duration longest_when_told = std::chrono::seconds(15);
  };

  Pace(Clock& clock, Gaps gaps);

  /// There may be something to do. Cheap, however often. True: wake the service.
  [[nodiscard]] bool hint() noexcept { return !hinted_.exchange(true); }

  /// When to look next.
  [[nodiscard]] SteadyPoint next() const;
  /// The same where no hint comes.
  [[nodiscard]] SteadyPoint planned() const noexcept { return planned_; }
  /// Whether it is time for a look, which begins then. A hint that comes from now on is for the next one.
  [[nodiscard]] bool is_time();
  /// A look begins before its time.
  void begin();
  /// The shortest time from the last one to the next.
  [[nodiscard]] Duration gap() const;
  /// When the last one began.
  [[nodiscard]] SteadyPoint last() const noexcept { return last_; }

  // What a look has found. Where it throws, the next one is due at once.

  /// Something to do. Where the database tells of nothing, the next looks come soon, and then more and more rarely; so
  /// they do after the first one.
  void found() noexcept { found_ = last_; }
  /// Nothing is known of what comes next.
  void plan(const backend::Capabilities& can);
  /// The next look is due then, or earlier.
  void by(SteadyPoint at) noexcept { planned_ = std::min(planned_, at); }
  /// The next one is due then.
  void at(SteadyPoint at) noexcept { planned_ = at; }
  /// It has failed for a reason that a person must mend: whatever hints come, it rests.
  void rest();

 private:
  Clock& clock_;
  const Gaps gaps_;
  Jitter jitter_;
  std::atomic<bool> hinted_{false};
  bool deaf_ = false;
  SteadyPoint planned_ = SteadyPoint::min();
  SteadyPoint last_ = SteadyPoint::min();
  std::optional<SteadyPoint> first_;
  std::optional<SteadyPoint> found_;
};

}  // namespace sqlq::worker
