#include "platform/forks.hpp"

#include <atomic>

#include <pthread.h>

namespace sqlq::platform {
namespace {

std::atomic<unsigned> counted{0};

void count_fork() { counted.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

unsigned forks() noexcept {
  static const int watching = ::pthread_atfork(nullptr, nullptr, count_fork);
  static_cast<void>(watching);
  return counted.load(std::memory_order_relaxed);
}

}  // namespace sqlq::platform
