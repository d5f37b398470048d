#pragma once
/// \file
/// A thread that looks whether other connections have committed. SQLite tells nobody; asking costs about 5 us.

#include <functional>
#include <memory>
#include <thread>

#include <sqlq/clock.hpp>

namespace sqlq::sqlite {

/// Runs from its construction to its destruction.
class Watcher {
 public:
  /// `foreign_commit` says whether another connection has committed since it was asked before; it must be quick and may
  /// throw.
  Watcher(std::function<bool()> foreign_commit, std::function<void()> heard);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  void watch(const std::stop_token& stop);

  const std::function<bool()> foreign_commit_;
  const std::function<void()> heard_;
  const std::unique_ptr<Signal> signal_;
  std::jthread thread_;
};

}  // namespace sqlq::sqlite
