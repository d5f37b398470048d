#pragma once
/// \file
/// The rules of schedules (sqlq/schedule.hpp): pure functions of text and time.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sqlq/clock.hpp>

namespace sqlq::core {

/// A rule in its zone. A plain value; cheap to copy.
class Rule {
 public:
  /// Throws Error(invalid_argument) for a rule or zone that is wrong, or a rule that never fires; Error(configuration)
  /// where the system has no time zones. The message shows the place and what is allowed there.
  static Rule parse(std::string_view rule, std::string_view zone);

  /// The first tick strictly after `after`. `anchor` is where `@every` counts from: a tick is at anchor + n intervals,
  /// n >= 0; other rules ignore it. Empty: time points end before.
  [[nodiscard]] std::optional<TimePoint> next(TimePoint after, TimePoint anchor) const;
  /// Of the zone's local time from UTC at that time.
  [[nodiscard]] std::chrono::seconds offset(TimePoint at) const;
  /// The interval of `@every`; empty for other rules.
  [[nodiscard]] std::optional<Duration> every() const noexcept;

 private:
  struct Impl;
  explicit Rule(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace sqlq::core
