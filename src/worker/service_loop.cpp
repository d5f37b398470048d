#include "worker/service_loop.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "platform/user_code.hpp"
#include "worker/left_behind.hpp"

namespace sqlq::worker {

Turns::Next Turns::take() {
  try {
    const SteadyPoint next = service_.turn();
    if (failures_ > 0) {
      events_.report(Events::Level::info, service_.name(),
                     "works again after " + std::to_string(failures_) + " failures");
      failures_ = 0;
    }
    return {next, false};
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    return failed(current_exception_text());
  }
}

Turns::Next Turns::failed(const std::string& why) {
  const auto [first, most] = service_.retry();
  Duration range = std::min(first * 2, most);
  for (int i = 0; i < failures_ && range < most; ++i) range = std::min(range * 2, most);
  ++failures_;
  const Duration delay = jitter_.between(first, range);
  const SteadyPoint again = saturating_add(clock_.steady(), delay);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(delay).count();
  events_.report(Events::Level::warning, service_.name(), why + "; tries again in " + std::to_string(ms) + " ms", {},
                 Events::Code::service_failed);
  return {again, true};
}

ServiceLoop::~ServiceLoop() {
  request_stop();
  thread_.join();
}

void ServiceLoop::start(const std::shared_ptr<void>& keep_alive, Signal& ended, std::function<void()> when_vacant) {
  when_vacant_ = std::move(when_vacant);
  ended_ = false;
  try {
    thread_.start(starter_, keep_alive, [this, &ended] { work(ended); });
  } catch (...) {
    ended_ = true;
    throw;
  }
}

void ServiceLoop::work(Signal& ended) {
  platform::ignore_cancellation();
  try {
    run();
  } catch (...) {  // pthread_exit in a log sink
    replace();
    throw;
  }
  {
    const core::MutexLock lock(leaving_);
    ended_ = true;
    if (left_behind_) left_behind::departs();
  }
  ended.notify();
}

void ServiceLoop::replace() {
  const std::optional<std::string> refused = thread_.replace();
  if (!refused) return;
  events_.report(Events::Level::error, service_.name(),
                 "the system refused a thread for one that had ended (" + *refused + "); tries again each second", {},
                 Events::Code::thread_ended);
  if (when_vacant_) when_vacant_();
}

bool ServiceLoop::fill() {
  const ReplaceableThread::Filled now = thread_.fill();
  if (now == ReplaceableThread::Filled::filled) {
    events_.report(Events::Level::info, service_.name(), "has a thread again", {}, Events::Code::thread_ended);
  }
  return now != ReplaceableThread::Filled::refused;
}

void ServiceLoop::request_stop() noexcept {
  stopping_ = true;
  service_.wake();
}

void ServiceLoop::finish() noexcept {
  if (!leave()) {
    thread_.join();
    return;
  }
  service_.wake();
  thread_.detach();
}

/// If it has not ended.
bool ServiceLoop::leave() noexcept {
  const core::MutexLock lock(leaving_);
  if (ended_) return false;
  if (!left_behind_.exchange(true)) left_behind::count();
  return true;
}

void ServiceLoop::run() {
  bool told = false;  // to stop
  while (!over()) {
    const auto [at, backing_off] = turns_.take();
    while (!over() && clock_.steady() < at) {
      const bool woken = service_.wait_until(at);
      if (stopping_ && !told) {
        told = true;
        turns_.forget_failures();
        break;
      }
      if (woken && !backing_off) break;
    }
  }
  if (!left_behind_) service_.end();
}

}  // namespace sqlq::worker
