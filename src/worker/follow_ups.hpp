#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/mutex.hpp"
#include "core/parents.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

struct Ending;

/// What is to be done once an outcome is written: parents are woken whose children have all ended, steps go that are
/// not to be kept, and of a lease that was lost it is said that this worker lives. A service of its own, for it may
/// have to wait for somebody's lock, and no outcome waits for it. Best effort: a parent looks again by itself, steps go
/// with their job, and maintenance says again that the worker lives. A plain job costs a look at its headers, which are
/// empty.
class FollowUps final : public Service {
 public:
  explicit FollowUps(Shared& shared) : Service(shared.clock()), shared_(shared) {}

  /// An outcome was written with this answer. Any thread.
  void note(const Ending& ending, FinishStatus status);
  /// These jobs have ended without an outcome. Any thread.
  void note_ended(std::span<const JobId> jobs);

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "follow-ups"; }
  [[nodiscard]] bool may_end() const override;

 private:
  struct Wanted {
    core::Parents parents{};         // of jobs that have ended
    std::vector<JobId> ended{};      // whose parents are not known yet
    std::vector<JobId> forget{};     // of these jobs the steps
    [[nodiscard]] bool none() const noexcept { return parents.empty() && ended.empty() && forget.empty(); }
  };

  void report_outages();
  void wake_parents(Wanted& wanted);
  void put_back(Wanted wanted);

  Shared& shared_;
  mutable core::Mutex mutex_;
  Wanted wanted_ SQLQ_GUARDED_BY(mutex_){};
};

}  // namespace sqlq::worker
