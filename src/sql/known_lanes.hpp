#pragma once
/// \file
/// The lanes that this process has seen.

#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/mutex.hpp"
#include "sql/operations.hpp"

namespace sqlq::sql {

/// Which lanes are known to be there, so that enqueueing looks for none. Thread-safe.
class KnownLanes {
 public:
  [[nodiscard]] std::vector<LaneName> missing(std::span<const backend::EnqueueItem> items) const {
    std::set<LaneName> unknown;
    const core::MutexLock lock(mutex_);
    const LaneName* last = nullptr;
    for (const auto& item : items) {
      if (last != nullptr && last->queue == item.queue && last->kind == item.kind) continue;
      LaneName name{std::string(item.queue), std::string(item.kind)};
      if (const auto at = known_.find(name); at != known_.end()) {
        last = &*at;
      } else {
        last = &*unknown.insert(std::move(name)).first;
      }
    }
    return {unknown.begin(), unknown.end()};
  }
  void add(const std::vector<LaneName>& lanes) {
    const core::MutexLock lock(mutex_);
    if (known_.size() + lanes.size() > most) known_.clear();
    known_.insert(lanes.begin(), lanes.end());
  }
  /// Says whether there was anything to forget.
  bool forget() {
    const core::MutexLock lock(mutex_);
    return !std::exchange(known_, {}).empty();
  }

 private:
  static constexpr std::size_t most = 10'000;  // names; a program with more makes each of them again now and then
  mutable core::Mutex mutex_;
  std::set<LaneName> known_ SQLQ_GUARDED_BY(mutex_);
};

}  // namespace sqlq::sql
