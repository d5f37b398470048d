#include "worker/events.hpp"

#include <cstdio>
#include <exception>
#include <utility>

#include "core/text.hpp"
#include "worker/forced_unwind.hpp"

namespace sqlq::worker {
namespace {

// One line that cannot confuse a terminal, whatever an exception's text contains: no control characters, neither of
// one byte nor those that UTF-8 writes as C2 80 to C2 9F.
std::string one_line(std::string_view message) {
  std::string text = core::clean_text(message, core::max_message_bytes);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool high = byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte < 0x20 || byte == 0x7f || high) text.replace(i, high ? 2 : 1, 1, ' ');
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

void Events::report(Level level, std::string_view service, std::string_view message, std::optional<JobId> job,
                    Code code) noexcept {
  try {
    const WorkerEvent event{level, code, std::string(service), one_line(message), job};
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
