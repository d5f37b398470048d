#pragma once
/// \file
/// How long `Bulk` rests between its steps.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <sqlq/clock.hpp>

namespace sqlq {

/// Pure: no clock, no database. One thread.
///
/// After a step that was as quick as the quickest of the last 16, which met nobody, the rest is so long that steps are
/// `share` of the time. A step that took c times as long met others who work, or what the steps before have caused (a
/// vacuum, a checkpoint): the rest is c times as long in proportion, c up to 4. So steps are a quarter of the share
/// where the database is busy, and the whole share again 16 steps after that has become the usual.
class BulkPace {
 public:
  /// Above 0, at most 1; 1: no rests.
  explicit BulkPace(double share) : share_(share) { recent_.fill(Duration::max()); }

  Duration rest_after(Duration took) {
    took = std::max(took, Duration(1));
    recent_[steps_++ % recent_.size()] = took;
    const Duration quickest = *std::min_element(recent_.begin(), recent_.end());
    const auto work = static_cast<double>(took.count());
    const double slowed = std::min(most_slowed, work / static_cast<double>(quickest.count()));
    const double rest = work * slowed * (1 - share_) / share_;
    return Duration(static_cast<std::int64_t>(std::min(rest, longest)));
  }

 private:
  static constexpr double most_slowed = 4;
  static constexpr double longest = 60e6;  ///< a step that was so slow met something else than work
  double share_;
  std::array<Duration, 16> recent_{};
  std::size_t steps_ = 0;
};

}  // namespace sqlq
