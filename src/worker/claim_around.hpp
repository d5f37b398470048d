#pragma once
// Claims although the database refuses for good to start one of the jobs.

#include <map>
#include <string>
#include <utility>

#include <sqlq/backend/dialect.hpp>

#include "worker/shared.hpp"

namespace sqlq::worker {

/// A claim takes all its jobs in one step. When it is refused for good (a trigger or constraint of the user's that one
/// job violates when it starts), the queues are claimed from one by one and, where that is refused too, their kinds, in
/// ever smaller numbers. So the job keeps back only those behind it of the same queue and kind, and is told of by an
/// event, once a minute.
///
/// Thread-safety: one thread at a time.
class ClaimAround final {
 public:
  explicit ClaimAround(Shared& shared) : shared_(shared) {}
  /// As Dialect::claim.
  [[nodiscard]] backend::ClaimResult claim(const backend::ClaimRequest& request);

 private:
  void by_queue(const backend::ClaimRequest& request, backend::ClaimResult& all);
  void by_kind(const backend::ClaimRequest& request, backend::ClaimResult& all);
  /// Takes what it can of one queue and kind.
  void head(const backend::ClaimRequest& request, backend::ClaimResult& all);
  /// Adds what a claim of a part takes.
  void add(backend::ClaimRequest request, backend::ClaimResult& all);
  void tell(const std::string& queue, const std::string& kind, const std::string& why);

  Shared& shared_;
  std::map<std::pair<std::string, std::string>, SteadyPoint> told_;
};

}  // namespace sqlq::worker
