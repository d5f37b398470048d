#pragma once
/// \file
/// Claims whose outcome was unknown: a server that has not noticed that its client is gone may commit one late.

#include <deque>
#include <set>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/job.hpp>

#include "core/mutex.hpp"

namespace sqlq::sql {

/// Which tokens may turn up on jobs that nobody holds. Kept for longer than a server works on what it was sent.
/// Thread-safe.
class Strays {
 public:
  struct Claim {
    LeaseToken token{};
    std::set<JobId> known{};  ///< the jobs that its caller got
    SteadyPoint since{};
    SteadyPoint next_look{};
  };

  /// The call is over; `given` is what its caller got.
  void follow(LeaseToken token, const std::vector<Job>& given);
  /// Its caller claims with it again.
  void forget(LeaseToken token);
  /// Those whose time to be looked at has come: soon at first, then each second.
  [[nodiscard]] std::vector<Claim> to_look_at();

 private:
  static constexpr Duration longest = std::chrono::minutes(5);
  static constexpr Duration pace = std::chrono::seconds(1);
  static constexpr std::size_t most = 100;

  const std::shared_ptr<Clock> clock_ = system_clock();
  core::Mutex mutex_;
  std::deque<Claim> claims_ SQLQ_GUARDED_BY(mutex_);
};

}  // namespace sqlq::sql
