#include "worker/log_shipper.hpp"

#include <exception>

#include "platform/user_code.hpp"

namespace sqlq::worker {

void GuardedSink::write(LogLine line) {
  if (maker_.is_parent()) return;  // a child that a handler forked: the sink's locks may be held for ever
  const JobId job = line.job;
  try {
    const platform::UserCode user("a log sink");
    sink_->write(std::move(line));
    refused_ = false;
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    const std::string why = current_exception_text();
    if (refused_.exchange(true)) return;  // once, not for every line of a busy job
    events_->report(Events::Level::warning, "log shipper", "the log sink refused a line: " + why, job);
  }
}

void GuardedSink::flush() {
  const core::MutexLock lock(flushing_);
  if (given_up_) return;
  try {
    const platform::UserCode user("a log sink");
    sink_->flush();
  } catch (...) {
    if (platform::in_forced_unwind()) {  // it would do so again each second
      given_up_ = true;
      events_->report(Events::Level::error, "log shipper",
                      "the log sink's flush ended its thread (pthread_exit); it is not called any more", {},
                      Events::Code::thread_ended);
    }
    throw;
  }
}

void GuardedSink::report_refused(bool on) {
  if (!on) return sink_->set_report({});
  sink_->set_report([events = events_](JobId job, std::string_view why) {
    events->report(Events::Level::warning, "log shipper", why, job, Events::Code::log_refused);
  });
}

void LogShipper::end() {
  try {
    sink_.flush();
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    shared_.events.report(Events::Level::error, "worker",
                          "stopped without writing all log lines: " + current_exception_text());
  }
}

// A sink that fails keeps no result back, nor the other way round. The sink is not called while an exception is
// handled: if it ended its thread then, the process would be aborted.
SteadyPoint LogShipper::step() {
  const SteadyPoint next = saturating_add(shared_.clock().steady(), std::chrono::seconds(1));
  std::exception_ptr failure;
  try {
    interims_.publish();
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    failure = std::current_exception();
  }
  sink_.flush();
  if (failure) std::rethrow_exception(failure);
  return next;
}

}  // namespace sqlq::worker
