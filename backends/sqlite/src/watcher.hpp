#pragma once
/// \file
/// A thread that looks whether other connections have committed. SQLite tells nobody; asking costs about 5 us.

#include <functional>
#include <memory>

#include <sqlq/clock.hpp>
#include <sqlq/stop_token.hpp>

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
  void watch(const sqlq::stop_token& stop);

  const std::function<bool()> foreign_commit_;
  const std::function<void()> heard_;
  const std::unique_ptr<Signal> signal_;
  sqlq::jthread thread_;
};

}  // namespace sqlq::sqlite
