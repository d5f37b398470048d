#include "worker/callbacks.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "platform/user_code.hpp"

namespace sqlq::worker {
namespace {

// What the call owns is gone when it returns.
void make(Callbacks::Call call) {
  try {
    call();
  } catch (...) {  // what the user's code throws is his; there is nobody left to tell
    if (platform::in_forced_unwind()) throw;
  }
}

}  // namespace

void Callbacks::start(std::size_t most, ThreadStarter starter) {
  const core::MutexLock lock(mutex_);
  starter_ = std::move(starter);
  most_ = most;
  add_thread();
}

void Callbacks::add_thread() {
  threads_.push_back(starter_([self = shared_from_this()] { self->work(); }));
}

// One at a time: the new one begins with what waits, and sees whether another is needed.
void Callbacks::add_thread_if_all_are_busy() noexcept {
  if (waiting_.empty() || busy_ < threads_.size() || threads_.size() >= most_) return;
  try {
    add_thread();
  } catch (...) {  // those that are there come to it; if there is none, the next call or `fill` tries again
  }
}

bool Callbacks::fill() noexcept {
  const core::MutexLock lock(mutex_);
  add_thread_if_all_are_busy();
  return waiting_.empty() || !threads_.empty();
}

void Callbacks::post(Call call) noexcept {
  try {
    const core::MutexLock lock(mutex_);
    if (closed_) return;
    if (most_ > 0) {
      waiting_.push_back(std::move(call));
      add_thread_if_all_are_busy();
      posted_.notify_one();
      return;
    }
  } catch (const std::bad_alloc&) {  // then here and now: better late for others than never
  }
  make(std::move(call));
}

void Callbacks::work() {
  platform::ignore_cancellation();
  const core::MutexLock lock(mutex_);
  try {
    serve();
  } catch (...) {  // the call ended its thread
    --busy_;
    replace_this_thread();
    if (nothing_left()) idle_->notify();
    throw;
  }
}

// Whoever closes may be waiting for it already: then nothing is called any more.
void Callbacks::replace_this_thread() noexcept {
  const auto me = std::ranges::find(threads_, std::this_thread::get_id(), &std::thread::get_id);
  if (me == threads_.end()) return;
  me->detach();
  threads_.erase(me);
  add_thread_if_all_are_busy();
}

void Callbacks::serve() {
  for (;;) {
    while (!closed_ && waiting_.empty()) posted_.wait(mutex_);
    if (waiting_.empty()) return;
    Call call = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    add_thread_if_all_are_busy();
    {
      const core::MutexUnlock unlocked(mutex_);
      make(std::move(call));
    }
    --busy_;
    if (nothing_left()) idle_->notify();
  }
}

bool Callbacks::close(SteadyPoint deadline) {
  core::MutexLock lock(mutex_);
  while (!nothing_left()) {
    lock.unlock();
    const bool in_time = idle_->wait_until(deadline);
    lock.lock();
    if (!in_time) break;
  }
  const bool all = nothing_left();
  closed_ = true;
  waiting_.clear();
  posted_.notify_all();
  std::vector<std::thread> threads = std::exchange(threads_, {});
  lock.unlock();
  for (std::thread& thread : threads) {
    if (all) {
      thread.join();
    } else {
      thread.detach();
    }
  }
  return all;
}

}  // namespace sqlq::worker
