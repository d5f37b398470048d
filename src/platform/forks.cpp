#include "platform/forks.hpp"

#include <atomic>
#include <new>

#include "platform/system.hpp"

namespace sqlq::platform {
namespace {

std::atomic<unsigned> counted{0};

struct Kept {
  const void* object;
  Kept* next;
};
std::atomic<Kept*> kept{nullptr};

void count_fork() { counted.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

unsigned forks() noexcept {
  static const bool watching = (watch_forks(count_fork), true);
  static_cast<void>(watching);
  return counted.load(std::memory_order_relaxed);
}

void keep_for_ever(const void* object) noexcept {
  Kept* const mine = new (std::nothrow) Kept{object, kept.load()};
  while (mine != nullptr && !kept.compare_exchange_weak(mine->next, mine)) {
  }
}

}  // namespace sqlq::platform
