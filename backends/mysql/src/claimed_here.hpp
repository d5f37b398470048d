#pragma once
/// \file
/// Where the rows are of jobs that this process has claimed, so that finishing them looks for none of them.

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include <sqlq/job.hpp>

namespace sqlq::mysql {

struct Whereabouts {
  std::int64_t seq = 0;
  std::int64_t token = 0;
  std::int64_t queue = 0;
  std::int64_t lane = 0;
  std::int64_t together = 0;  ///< jobs of the queue claimed with this token; 0: not known
  std::optional<std::int64_t> retention{};
  bool keyed = false;  ///< has it a unique key?
};

/// A memory, not the truth: every write is guarded by the token in the job's row. Missing entries are looked up.
/// Thread-safe.
class ClaimedHere {
 public:
  void add(JobId id, const Whereabouts& where) {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= most) jobs_.clear();
    jobs_[id] = where;
  }
  /// Empty also when this process knows the job by another token.
  [[nodiscard]] std::optional<Whereabouts> find(JobId id, LeaseToken token) const {
    const std::lock_guard lock(mutex_);
    const auto at = jobs_.find(id);
    return at == jobs_.end() || at->second.token != token.value ? std::nullopt : std::optional(at->second);
  }
  void forget(JobId id) {
    const std::lock_guard lock(mutex_);
    jobs_.erase(id);
  }

 private:
  static constexpr std::size_t most = 100'000;  // some 8 MB; jobs that others took back are never forgotten otherwise
  mutable std::mutex mutex_;
  std::unordered_map<JobId, Whereabouts> jobs_;
};

}  // namespace sqlq::mysql
