#pragma once
/// \file
/// Hears of others' work: one connection that LISTENs, on a thread of its own.

#include <functional>
#include <memory>
#include <string>

#include <sqlq/stop_token.hpp>

#include "options.hpp"
#include "wire.hpp"

namespace sqlq::postgres {

/// Runs from its construction to its destruction. A connection that is lost is made again, with growing pauses; after
/// each new one `heard` is called once, since nobody knows what was missed.
class Watcher {
 public:
  Watcher(const Options& options, std::string channel, std::function<void()> heard);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  void watch(const sqlq::stop_token& stop);
  [[nodiscard]] Handle listen();
  [[nodiscard]] bool hear(PGconn* connection);

  const Options options_;
  const std::string channel_;
  const std::function<void()> heard_;
  platform::WakeUp stop_;
  sqlq::jthread thread_;
};

}  // namespace sqlq::postgres
