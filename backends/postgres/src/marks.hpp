#pragma once
/// \file
/// Where the work was a moment ago.
///
/// Jobs that were taken leave dead entries at the beginning of the ready index. The server clears them away, but not
/// while somebody holds a snapshot from before they died: then each survey walks over all of them, and after minutes
/// a claim takes seconds. So when surveys have become slow, the place of each lane's first job is remembered for ten
/// times as long as the survey took, and claims look from there on. Surveys then cost a tenth of the time; the price is
/// that a job which another process puts before the mark (a higher priority, a job given back) may be found that much
/// later. docs/decisions/0011-marks.md has the numbers.

#include <mutex>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "sql/apportion.hpp"

namespace sqlq::postgres {

/// A lane with the place of its first job.
struct Ready {
  sql::Lane lane{};
  sql::Place first{};
  [[nodiscard]] auto rank() const { return std::tuple(lane.queue_priority, first.priority, first.due, first.seq); }
};

/// Thread-safe.
class Marks {
 public:
  /// The places for this request, while they hold; none: look everywhere.
  [[nodiscard]] std::vector<sql::Place> find(const backend::ClaimRequest& request);
  /// What a look everywhere has found, and how long the server was busy with it.
  void surveyed(const backend::ClaimRequest& request, const std::vector<Ready>& found, Duration took);
  /// What a look from the marks has found.
  void moved(const std::vector<Ready>& found);
  /// These were stored; some may come before the marks.
  void stored(std::span<const backend::EnqueueItem> items);
  /// There may be work before the marks.
  void forget();

 private:
  std::mutex mutex_;
  std::vector<std::string> queues_{};  // of the request
  std::vector<std::string> kinds_{};
  std::vector<Ready> lanes_{};
  Duration took_{};
  Duration slow_in_a_row_{};  // what the last surveys took together, while each was slow
  SteadyPoint until_ = SteadyPoint::min();
};

}  // namespace sqlq::postgres
