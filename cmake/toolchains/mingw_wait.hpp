#pragma once
// For g++ 12 and older on Windows: its std::atomic::wait, and with it latches, semaphores and the destructor of
// std::stop_callback, sleep for ever when the notification comes at the wrong moment (mended in g++ 13). This gives
// the library of the compiler what it asks of a system that has better means: WaitOnAddress of Windows 8. Every file of
// a program must see it, so the compiler includes it first (-include); the program links libsynchronization.

#include <chrono>
#include <cstddef>
#include <cstdint>

extern "C" __declspec(dllimport) int __stdcall WaitOnAddress(volatile void*, void*, std::size_t, unsigned long);
extern "C" __declspec(dllimport) void __stdcall WakeByAddressSingle(void*);
extern "C" __declspec(dllimport) void __stdcall WakeByAddressAll(void*);

#define _GLIBCXX_HAVE_PLATFORM_WAIT 1
#define _GLIBCXX_HAVE_PLATFORM_TIMED_WAIT 1

namespace std::__detail {

template <class T>
void __platform_wait(const T* address, std::uint64_t value) noexcept {
  ::WaitOnAddress(const_cast<T*>(address), &value, sizeof(T), 0xffffffffUL);
}

template <class T>
void __platform_notify(const T* address, bool all) noexcept {
  if (all) {
    ::WakeByAddressAll(const_cast<T*>(address));
  } else {
    ::WakeByAddressSingle(const_cast<T*>(address));
  }
}

/// False: it ended because of the time.
template <class T, class Clock, class Unit>
bool __platform_wait_until(const T* address, std::uint64_t value, const chrono::time_point<Clock, Unit>& until) {
  const auto left = chrono::ceil<chrono::milliseconds>(until - Clock::now()).count();
  const auto wait = left < 0 ? 0 : left > 60'000 ? 60'000 : left;
  ::WaitOnAddress(const_cast<T*>(address), &value, sizeof(T), static_cast<unsigned long>(wait));
  return Clock::now() < until;
}

}  // namespace std::__detail
