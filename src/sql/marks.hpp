#pragma once
/// \file
/// Where the work was a moment ago.
///
/// Jobs that were taken leave dead entries at the beginning of the ready index. The server clears them away, but not
/// while somebody holds a snapshot from before they died: then each survey walks over all of them, and after minutes
/// a claim takes seconds. So when surveys have become slow, the place of each lane's first job is remembered for ten
/// times as long as the survey took, and claims look from there on. Surveys then cost a tenth of the time; the price is
/// that a job which another process puts before the mark (a higher priority, a job given back) may be found that much
/// later, 5 s at most. docs/decisions/0011-marks.md has the numbers.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/export.hpp>

#include "core/mutex.hpp"
#include "sql/apportion.hpp"

namespace sqlq::sql {

/// A lane with the place of its first job.
struct Ready {
  Lane lane{};
  Place first{};
  std::int64_t since = std::numeric_limits<std::int64_t>::min() / 2;  ///< no job of it is scheduled for before
  [[nodiscard]] auto rank() const { return sql::rank(lane.queue_priority, first); }
};

/// Thread-safe.
class SQLQ_API Marks {
 public:
  /// The lanes for this request with the places to look from, while they hold; none: look everywhere.
  [[nodiscard]] std::vector<Ready> find(const backend::ClaimRequest& request);
  /// Takes note of the lanes that a look everywhere has found, and how long the server was busy with it.
  void surveyed(const backend::ClaimRequest& request, const std::vector<Ready>& found, Duration took);
  /// Takes note of the lanes that a look from the marks has found.
  void moved(const std::vector<Ready>& found);
  /// These are ready now; some may come before the marks.
  void lowered(const std::vector<Place>& places);
  /// These were stored; some may come before the marks.
  void stored(std::span<const backend::EnqueueItem> items);
  /// These have ended leases; jobs that are given back are ready at once, at the place they had.
  void given_back(std::span<const backend::Finish> items);
  /// There may be work before the marks.
  void forget() SQLQ_EXCLUDES(mutex_);

 private:
  core::Mutex mutex_;
  std::vector<std::string> queues_ SQLQ_GUARDED_BY(mutex_){};  // of the request
  std::vector<std::string> kinds_ SQLQ_GUARDED_BY(mutex_){};
  std::vector<Ready> lanes_ SQLQ_GUARDED_BY(mutex_){};
  Duration took_ SQLQ_GUARDED_BY(mutex_){};
  Duration slow_in_a_row_ SQLQ_GUARDED_BY(mutex_){};  // what the last surveys took together, while each was slow
  SteadyPoint until_ SQLQ_GUARDED_BY(mutex_) = SteadyPoint::min();
};

}  // namespace sqlq::sql
