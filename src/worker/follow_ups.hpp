#pragma once

#include <set>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "worker/children.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

struct Ending;

/// What durable steps want done once an outcome is written: parents are woken whose children have all ended, and steps
/// go that are not to be kept. Best effort: a parent looks again by itself, and steps go with their job. A plain job
/// costs a look at its headers, which are empty.
///
/// Thread-safety: the completer's thread.
class FollowUps final {
 public:
  explicit FollowUps(Shared& shared) : shared_(shared) {}

  /// An outcome was written with this answer.
  void note(const Ending& ending, FinishStatus status);
  /// True: jobs have become ready. Throws nothing but the unwinding of its thread.
  bool run();

 private:
  [[nodiscard]] bool wake_parents(backend::Steps& steps);
  void forget_steps(backend::Steps& steps);
  [[nodiscard]] bool all_have_ended(backend::Steps& steps, const Parent& parent) const;

  Shared& shared_;
  std::set<Parent> parents_;    // of jobs that have ended
  std::vector<JobId> forget_;
};

}  // namespace sqlq::worker
