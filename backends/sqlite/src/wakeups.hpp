#pragma once
/// \file
/// Hints that there may be work: at once for this handle's own commits, by looking for those of others.

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/clock.hpp>

namespace sqlq::sqlite {

/// Thread-safe. The thread that looks for others' commits runs only while somebody is subscribed.
class Wakeups {
 public:
  /// `foreign_commit` says whether another connection has committed since it was asked before; it must be quick and may
  /// throw. Null: nobody else can commit.
  explicit Wakeups(std::function<bool()> foreign_commit) : foreign_commit_(std::move(foreign_commit)) {}
  ~Wakeups();

  [[nodiscard]] std::unique_ptr<backend::Subscription> subscribe(std::function<void()> hint);
  /// Tells everybody.
  void notify() noexcept;

 private:
  class Entry;
  void watch(const std::stop_token& stop);

  std::function<bool()> foreign_commit_;
  std::mutex mutex_;  // held while hints are called, so that a subscription that is gone is never called
  std::list<std::function<void()>> hints_;
  std::mutex thread_mutex_;
  std::size_t subscribed_ = 0;
  std::unique_ptr<Signal> signal_;
  std::jthread thread_;
};

}  // namespace sqlq::sqlite
