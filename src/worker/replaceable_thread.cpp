#include "worker/replaceable_thread.hpp"

#include <exception>
#include <system_error>
#include <utility>

#include "worker/left_behind.hpp"

namespace sqlq::worker {

std::thread ReplaceableThread::next() const {
  return starter_([this, keep_alive = keep_alive_.lock()]() mutable {
    body_();
    keep_alive.reset();  // and perhaps with it this object
    left_behind::gone();
  });
}

void ReplaceableThread::start(ThreadStarter starter, const std::shared_ptr<void>& keep_alive,
                              std::function<void()> body) {
  const core::MutexLock lock(mutex_);
  starter_ = std::move(starter);
  keep_alive_ = keep_alive;
  body_ = std::move(body);
  thread_ = next();
}

std::optional<std::string> ReplaceableThread::replace() {
  std::thread before_it;
  std::optional<std::string> refused;
  {
    const core::MutexLock lock(mutex_);
    if (closed_) return {};
    before_it = std::exchange(ended_, std::move(thread_));
    try {
      thread_ = next();
    } catch (const std::exception& e) {
      refused = e.what();
      vacant_ = true;
    }
  }
  if (before_it.joinable()) before_it.join();  // it ended long ago
  return refused;
}

ReplaceableThread::Filled ReplaceableThread::fill() {
  const core::MutexLock lock(mutex_);
  if (!vacant_ || closed_) return Filled::was_there;
  try {
    thread_ = next();
  } catch (const std::system_error&) {  // `replace` has said why
    return Filled::refused;
  }
  vacant_ = false;
  return Filled::filled;
}

void ReplaceableThread::join() {
  core::MutexLock lock(mutex_);
  closed_ = true;
  std::thread last = std::move(thread_);
  std::thread ended = std::move(ended_);
  lock.unlock();
  if (last.joinable()) last.join();
  if (ended.joinable()) ended.join();
}

void ReplaceableThread::detach() noexcept {
  const core::MutexLock lock(mutex_);
  closed_ = true;
  if (thread_.joinable()) thread_.detach();
  if (ended_.joinable()) ended_.detach();
}

}  // namespace sqlq::worker
