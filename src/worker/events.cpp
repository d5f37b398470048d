#include "worker/events.hpp"

#include <cstdio>
#include <exception>
#include <utility>

#include "worker/forced_unwind.hpp"

namespace sqlq::worker {
namespace {

// One line that cannot confuse a terminal, whatever an exception's text contains.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

void print(const WorkerEvent& event) {
  if (event.level == WorkerEvent::Level::info) return;
  std::string line = "sqlq: worker: " + event.service + ": " + event.message;
  if (event.job) line += " (job " + event.job->to_string() + ")";
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

Events::Events(std::function<void(const WorkerEvent&)> callback)
    : callback_(callback ? std::move(callback) : std::function<void(const WorkerEvent&)>(print)) {}

void Events::report(Level level, std::string_view service, std::string message, std::optional<JobId> job) noexcept {
  try {
    const WorkerEvent event{level, std::string(service), one_line(std::move(message)), job};
    const std::lock_guard lock(mutex_);
    if (!closed_) callback_(event);
  } catch (...) {  // what the user's callback throws is his; there is nobody left to tell
  }
}

void Events::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

std::string current_exception_text() {
  try {
    throw;
  } catch (const std::exception& e) {
    const char* text = e.what();
    return text != nullptr ? text : "an exception without text";
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace sqlq::worker
