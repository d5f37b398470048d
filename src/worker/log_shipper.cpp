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

void LogShipper::end() noexcept {
  try {
    sink_.flush();
  } catch (...) {
    shared_.events.report(Events::Level::error, "worker",
                          "stopped without writing all log lines: " + current_exception_text());
  }
}

}  // namespace sqlq::worker
