#include "worker/events.hpp"

#include <exception>
#include <utility>

#include <sqlq/outcome.hpp>

#include "core/text.hpp"
#include "core/words.hpp"
#include "platform/standard_error.hpp"
#include "platform/user_code.hpp"
#include "worker/context.hpp"

namespace sqlq::worker {
namespace {

void print(const WorkerEvent& event) {
  if (event.level == WorkerEvent::Level::info) return;
  std::string line = "sqlq: worker: " + event.service + ": " + event.message;
  if (event.job) line += " (job " + event.job->to_string() + ")";
  line += '\n';
  platform::write_to_standard_error(line);
}

constexpr int deepest = 50;

// Adds the text of the exception being handled, and then those of the exceptions nested in it.
void add_level(Thrown& thrown, int level) {
  const auto say = [&](const char* text) {
    if (level > 1) thrown.text += ": ";
    thrown.text += text != nullptr ? text : "an exception without text";
  };
  const auto inner = [&](const std::nested_exception* outer) {
    if (outer == nullptr || outer->nested_ptr() == nullptr || level == deepest) return;
    try {
      outer->rethrow_nested();
    } catch (...) {
      if (platform::in_forced_unwind()) throw;
      add_level(thrown, level + 1);
    }
  };
  try {
    throw;
  } catch (const std::exception& e) {
    say(e.what());
    thrown.discard = thrown.discard || dynamic_cast<const Discard*>(&e) != nullptr ||
                     dynamic_cast<const ResultRefused*>(&e) != nullptr;
    inner(dynamic_cast<const std::nested_exception*>(&e));
  } catch (const std::nested_exception& e) {
    say("unknown exception");
    inner(&e);
  } catch (...) {
    say("unknown exception");
  }
}

}  // namespace

Events::Events(std::function<void(const WorkerEvent&)> callback, std::shared_ptr<Callbacks> callbacks)
    : callback_(callback ? std::move(callback) : std::function<void(const WorkerEvent&)>(print)),
      callbacks_(std::move(callbacks)) {}

void Events::report(Level level, std::string_view service, std::string_view message, std::optional<JobId> job,
                    Code code) noexcept {
  try {
    report(WorkerEvent{level, code, std::string(service), std::string(message), job});
  } catch (...) {  // no memory to tell of anything
  }
}

void Events::report(WorkerEvent event) noexcept {
  try {
    event.message = core::one_line(event.message, core::max_message_bytes);
    {
      const core::MutexLock lock(mutex_);
      if (closed_) return;
      if (waiting_.size() >= most_waiting) {
        ++dropped_;
        return;
      }
      waiting_.push_back(std::move(event));
      if (std::exchange(delivering_, true)) return;
    }
    if (callbacks_ == nullptr) return deliver();
    try {
      callbacks_->post([self = shared_from_this()] { self->deliver(); });
    } catch (...) {
      const core::MutexLock lock(mutex_);
      delivering_ = false;  // the next report tries again
    }
  } catch (...) {  // no memory to tell of anything
  }
}

void Events::deliver() {
  while (const std::optional<WorkerEvent> event = next()) {
    try {
      const platform::UserCode user("on_event");
      callback_(*event);
    } catch (...) {  // what the user's callback throws is his
      if (!platform::in_forced_unwind()) continue;
      go_on_elsewhere();
      throw;
    }
  }
}

// The callback ended its thread. It is not told of that itself, or each telling would end another thread.
void Events::go_on_elsewhere() {
  print({.level = Level::error, .service = "events",
         .message = "on_event ended its thread (pthread_exit); another one calls it from now on"});
  const core::MutexLock lock(mutex_);
  delivering_ = !waiting_.empty() && callbacks_ != nullptr;
  if (delivering_) callbacks_->post([self = shared_from_this()] { self->deliver(); });
}

std::optional<WorkerEvent> Events::next() {
  const core::MutexLock lock(mutex_);
  if (waiting_.empty()) {
    delivering_ = false;
    return {};
  }
  if (const std::size_t dropped = std::exchange(dropped_, 0)) {
    return WorkerEvent{Level::warning, Code::other, "events",
                       std::to_string(dropped) + " events were left out: on_event took too long", {}};
  }
  std::optional<WorkerEvent> event(std::move(waiting_.front()));
  waiting_.pop_front();
  return event;
}

void Events::close(SteadyPoint deadline) {
  {
    const core::MutexLock lock(mutex_);
    closed_ = true;
  }
  if (callbacks_ != nullptr) callbacks_->close(deadline);
  const core::MutexLock lock(mutex_);
  waiting_.clear();
}

Thrown current_exception() {
  Thrown thrown;
  add_level(thrown, 1);
  return thrown;
}

Outcome current_outcome() {
  Thrown thrown = current_exception();
  return thrown.discard ? Outcome::discard(std::move(thrown.text)) : Outcome::error(std::move(thrown.text));
}

}  // namespace sqlq::worker
