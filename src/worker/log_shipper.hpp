#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Stands between the jobs' loggers and the user's sink: what the sink throws never reaches a handler, and only one
/// thread flushes at a time.
class GuardedSink final : public LogSink {
 public:
  GuardedSink(std::shared_ptr<LogSink> sink, std::shared_ptr<Events> events)
      : sink_(std::move(sink)), events_(std::move(events)) {}

  void write(LogLine line) override;
  /// Throws what the sink throws.
  void flush() override;
  void set_flush_hint(std::function<void()> hint) override { sink_->set_flush_hint(std::move(hint)); }

 private:
  std::shared_ptr<LogSink> sink_;
  std::shared_ptr<Events> events_;  // a logger may outlive the worker
  std::mutex flushing_;
  std::atomic<bool> refused_{false};
};

/// Sends buffered log lines every second, and when the sink asks for it.
class LogShipper final : public Service {
 public:
  LogShipper(Shared& shared, LogSink& sink) : Service(shared.clock()), shared_(shared), sink_(sink) {}

  SteadyPoint step() override {
    sink_.flush();
    return saturating_add(shared_.clock().steady(), std::chrono::seconds(1));
  }
  void end() noexcept override;
  [[nodiscard]] std::string_view name() const noexcept override { return "log shipper"; }

 private:
  Shared& shared_;
  LogSink& sink_;
};

}  // namespace sqlq::worker
