#pragma once
// Carries results and progress of running jobs from their handlers to the database.

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <sqlq/job.hpp>

#include "core/mutex.hpp"
#include "worker/in_flight.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Keeps of each job the last result and the last progress that were not stored yet; all are stored in one call. So a
/// handler may set them as often as it likes, and one that ends soon costs no write.
///
/// Thread-safety: publish from one thread at a time, the rest from any.
class Interims final {
 public:
  explicit Interims(Shared& shared) : shared_(shared) {}

  void set_result(const HeldPtr& lease, std::string json);
  void set_progress(const HeldPtr& lease, Progress progress);
  /// It ends: its outcome brings the last result.
  void forget(const HeldPtr& lease);
  /// Stores what was set. Throws what the database does; what was not stored is kept for the next time.
  void publish();

 private:
  struct Shown {
    HeldPtr lease{};
    std::optional<std::string> result{};
    std::optional<Progress> progress{};
  };
  /// Unless something newer was set meanwhile, or the job has ended.
  void keep(Shown shown);

  Shared& shared_;
  core::Mutex mutex_;
  std::unordered_map<const Held*, Shown> waiting_ SQLQ_GUARDED_BY(mutex_);
};

}  // namespace sqlq::worker
