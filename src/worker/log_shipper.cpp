#include "worker/log_shipper.hpp"

#include "worker/forced_unwind.hpp"

namespace sqlq::worker {

void GuardedSink::write(LogLine line) {
  const JobId job = line.job;
  try {
    sink_->write(std::move(line));
    refused_ = false;
  } catch (...) {
    if (in_forced_unwind()) throw;
    const std::string why = current_exception_text();
    if (refused_.exchange(true)) return;  // once, not for every line of a busy job
    events_->report(Events::Level::warning, "log shipper", "the log sink refused a line: " + why, job);
  }
}

void GuardedSink::flush() {
  const std::lock_guard lock(flushing_);
  sink_->flush();
}

void GuardedSink::report_refused(bool on) {
  if (!on) return sink_->set_report({});
  sink_->set_report([events = events_](JobId job, std::string_view why) {
    events->report(Events::Level::warning, "log shipper", why, job, Events::Code::log_refused);
  });
}

void LogShipper::end() noexcept {
  try {
    sink_.flush();
  } catch (...) {
    shared_.events.report(Events::Level::error, "worker",
                          "stopped without writing all log lines: " + current_exception_text());
  }
}

// A sink that fails keeps no result back.
SteadyPoint LogShipper::step() {
  const SteadyPoint next = saturating_add(shared_.clock().steady(), std::chrono::seconds(1));
  try {
    interims_.publish();
  } catch (...) {
    if (in_forced_unwind()) throw;
    sink_.flush();
    throw;
  }
  sink_.flush();
  return next;
}

}  // namespace sqlq::worker
