#pragma once
/// \file
/// Hints that there may be work: the subscribers, and the thread that watches for the commits of others for them.

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <span>

#include <sqlq/backend/dialect.hpp>

#include "core/mutex.hpp"

namespace sqlq::sql {

/// Thread-safe.
class Hints {
 public:
  /// Begins watching for others' commits and goes on until the returned object is destroyed, which waits for a call of
  /// `heard` that is running. May return null.
  using Watch = std::function<std::shared_ptr<void>(std::function<void()> heard)>;

  /// `watch` runs only while somebody is subscribed. Null: nobody else can commit, or there is no way to know.
  explicit Hints(Watch watch) : watch_(std::move(watch)) {}

  [[nodiscard]] std::unique_ptr<backend::Subscription> subscribe(std::function<void()> hint);
  /// Tells everybody.
  void notify() noexcept;

  /// To be told of each claim, because what the ends of leases mean depends on the limits it has seen.
  void claimed(const backend::ClaimResult& result) noexcept;
  /// May these ends let somebody run something? Those of a limited queue make room; this process has claimed from it,
  /// or it could not end anything there.
  [[nodiscard]] bool are_news(std::span<const backend::Finish> ends) const noexcept;
  /// The same of a claim that has ended leases: not if it has taken their places itself.
  [[nodiscard]] bool are_news(const backend::HandOverRequest& request, const backend::ClaimResult& result) const;

 private:
  class Entry;

  Watch watch_;
  std::atomic<bool> limits_seen_{false};
  core::Mutex mutex_;  // held while hints are called, so that a subscription that is gone is never called
  std::list<std::function<void()>> hints_ SQLQ_GUARDED_BY(mutex_);
  core::Mutex watcher_mutex_;
  std::size_t subscribed_ SQLQ_GUARDED_BY(watcher_mutex_) = 0;
  std::shared_ptr<void> watcher_ SQLQ_GUARDED_BY(watcher_mutex_);
};

}  // namespace sqlq::sql
