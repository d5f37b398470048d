#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "core/mutex.hpp"
#include "platform/forks.hpp"
#include "worker/interims.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Stands between the jobs' loggers and the user's sink: the sink's exceptions never reach a handler, and only one
/// thread flushes at a time.
class GuardedSink final : public LogSink {
 public:
  GuardedSink(std::shared_ptr<LogSink> sink, std::shared_ptr<Events> events)
      : sink_(std::move(sink)), events_(std::move(events)) {}

  void write(LogLine line) override;
  /// Throws what the sink throws. One that ended its thread is never flushed again.
  void flush() override;
  void set_flush_hint(std::function<void()> hint) override { sink_->set_flush_hint(std::move(hint)); }
  /// Lines that the sink had to leave out or change become events, until it is told to stop.
  void report_refused(bool on);

 private:
  std::shared_ptr<LogSink> sink_;
  std::shared_ptr<Events> events_;  // a logger may outlive the worker
  const platform::Maker maker_{};
  core::Mutex flushing_;
  bool given_up_ SQLQ_GUARDED_BY(flushing_) = false;
  std::atomic<bool> refused_{false};
};

/// Sends buffered log lines every second, and when the sink asks for it; also what running jobs show of themselves.
class LogShipper final : public Service {
 public:
  LogShipper(Shared& shared, LogSink& sink, Interims& interims)
      : Service(shared.clock()), shared_(shared), sink_(sink), interims_(interims) {}

  SteadyPoint step() override;
  void end() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "log shipper"; }

 private:
  Shared& shared_;
  LogSink& sink_;
  Interims& interims_;
};

}  // namespace sqlq::worker
