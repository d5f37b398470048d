#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/worker.hpp>

#include "worker/fetcher.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Finds out why the worker takes nothing, and says so by an event. One thread at a time.
class Idleness final {
 public:
  Idleness(Shared& shared, const Fetcher& fetcher) : shared_(shared), fetcher_(fetcher) {}

  /// To be called at every sweep. Asks the database once a minute for the kinds that wait, and sooner when the worker
  /// has just become idle; only while it is idle for a few rows about each of its queues, at most 10 of them.
  void look();

 private:
  /// Has it claimed nothing since the last look, and runs nothing?
  [[nodiscard]] bool idle();
  void add_reasons(bool idle);
  void add_unknown_kinds(const std::vector<WaitingKind>& waiting);
  void add_shut_queues(const std::vector<WaitingKind>& waiting);
  void add_limit(const Queue& queue);
  void add_wrong_names();
  void add_due_later(const std::vector<WaitingKind>& waiting);
  [[nodiscard]] bool ours(const std::string& queue) const;
  void report();

  Shared& shared_;
  const Fetcher& fetcher_;
  std::vector<IdleReason> reasons_{};
  std::uint64_t claimed_ = 0;
  bool seen_ = false;  // claimed_ is of an earlier look
  bool was_idle_ = false;
  bool was_draining_ = false;
  SteadyPoint next_look_ = SteadyPoint::min();
  SteadyPoint next_event_ = SteadyPoint::min();
};

}  // namespace sqlq::worker
