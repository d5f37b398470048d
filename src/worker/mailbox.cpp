#include "worker/mailbox.hpp"

#include <string>

#include "platform/standard_error.hpp"
#include "platform/user_code.hpp"

namespace sqlq::worker {

void print(const WorkerEvent& event) {
  if (event.level == WorkerEvent::Level::info) return;
  std::string line = "sqlq: worker: " + event.service + ": " + event.message;
  if (event.job) line += " (job " + event.job->to_string() + ")";
  line += '\n';
  platform::write_to_standard_error(line);
}

void Mailbox::post(Event event) noexcept {
  try {
    {
      const core::MutexLock lock(mutex_);
      if (closed_) return;
      if (waiting_.size() >= most_waiting_) {
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
      delivering_ = false;  // the next post tries again
    }
  } catch (...) {  // no memory to tell of anything
  }
}

void Mailbox::deliver() {
  while (const std::optional<Event> event = next()) {
    try {
      const platform::UserCode user(whose_);
      call_(*event);
    } catch (...) {  // what the user's function throws is his
      if (!platform::in_forced_unwind()) continue;
      go_on_elsewhere();
      throw;
    }
  }
}

// The function ended its thread. It is not told of that itself, or each telling would end another thread.
void Mailbox::go_on_elsewhere() {
  print({.level = WorkerEvent::Level::error, .service = "events",
         .message = std::string(whose_) + " ended its thread (pthread_exit); another one calls it from now on"});
  const core::MutexLock lock(mutex_);
  delivering_ = !waiting_.empty() && callbacks_ != nullptr;
  if (delivering_) callbacks_->post([self = shared_from_this()] { self->deliver(); });
}

std::optional<Event> Mailbox::next() {
  const core::MutexLock lock(mutex_);
  if (waiting_.empty()) {
    delivering_ = false;
    return {};
  }
  if (const std::size_t dropped = std::exchange(dropped_, 0)) {
    return WorkerEvent{WorkerEvent::Level::warning, WorkerEvent::Code::other, "events",
                       std::to_string(dropped) + " events were left out: " + whose_ + " took too long; " + remedy_, {}};
  }
  std::optional<Event> event(std::move(waiting_.front()));
  waiting_.pop_front();
  return event;
}

void Mailbox::close(SteadyPoint deadline) {
  {
    const core::MutexLock lock(mutex_);
    closed_ = true;
  }
  if (callbacks_ != nullptr) callbacks_->close(deadline);
  const core::MutexLock lock(mutex_);
  waiting_.clear();
}

}  // namespace sqlq::worker
