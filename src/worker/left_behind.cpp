#include "worker/left_behind.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>

#include "platform/host.hpp"

namespace sqlq::worker::left_behind {
namespace {

constexpr std::chrono::seconds longest_at_exit(5);

struct Threads {
  std::mutex mutex{};
  std::condition_variable changed{};
  int left = 0;
  std::int64_t process = 0;  // whose threads they are: a forked child has none of them
};

Threads& threads() {
  static Threads& all = *new Threads;  // there until the very end
  return all;
}

void wait_at_exit() {
  Threads& all = threads();
  std::unique_lock lock(all.mutex);
  if (all.process != platform::process_id()) return;
  all.changed.wait_for(lock, longest_at_exit, [&] { return all.left == 0; });
}

/// What a thread has for itself is destroyed after what its function has held.
struct Departure {
  bool counted = false;
  ~Departure() {
    if (!counted) return;
    Threads& all = threads();
    const std::lock_guard lock(all.mutex);
    --all.left;
    all.changed.notify_all();
  }
};
thread_local Departure departure;

}  // namespace

void count() noexcept {
  // What libraries have registered until now is called after this.
  [[maybe_unused]] static const int registered = std::atexit(wait_at_exit);
  Threads& all = threads();
  const std::lock_guard lock(all.mutex);
  const std::int64_t process = platform::process_id();
  if (all.process != process) all.left = 0;
  all.process = process;
  ++all.left;
}

void departs() noexcept { departure.counted = true; }

}  // namespace sqlq::worker::left_behind
