#include "worker/left_behind.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <sqlq/clock.hpp>

#include "core/mutex.hpp"
#include "platform/host.hpp"

namespace sqlq::worker::left_behind {
namespace {

constexpr std::chrono::seconds longest_at_exit(5);

struct Threads {
  core::Mutex mutex{};
  int left SQLQ_GUARDED_BY(mutex) = 0;
  std::int64_t process SQLQ_GUARDED_BY(mutex) = 0;  // whose they are: a forked child has none of them
  const std::unique_ptr<Signal> fewer = system_clock()->make_signal();
};

Threads& threads() {
  static Threads& all = *new Threads;  // there until the very end
  return all;
}

bool are_there(Threads& all) {
  const core::MutexLock lock(all.mutex);
  return all.left > 0 && all.process == platform::process_id();
}

void wait_at_exit() {
  Threads& all = threads();
  const SteadyPoint deadline = system_clock()->steady() + longest_at_exit;
  while (are_there(all) && all.fewer->wait_until(deadline)) {
  }
}

thread_local bool departing = false;

}  // namespace

void count() noexcept {
  // Handlers that libraries have registered until now are called after this one.
  [[maybe_unused]] static const int registered = std::atexit(wait_at_exit);
  Threads& all = threads();
  const std::int64_t process = platform::process_id();
  const core::MutexLock lock(all.mutex);
  if (all.process != process) all.left = 0;
  all.process = process;
  ++all.left;
}

void departs() noexcept { departing = true; }

void gone() noexcept {
  if (!departing) return;
  Threads& all = threads();
  {
    const core::MutexLock lock(all.mutex);
    --all.left;
  }
  all.fewer->notify();
}

}  // namespace sqlq::worker::left_behind
