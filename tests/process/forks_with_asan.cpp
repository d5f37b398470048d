// Makes fork() usable under AddressSanitizer.

#include <pthread.h>
#include <unistd.h>

namespace {

const pid_t started = ::getpid();

}  // namespace

/// The leak checker asks it at the end of a process (sanitizer/lsan_interface.h). A forked child has the heap of its
/// parent, but not the stacks of the parent's threads: memory that only those point to seems leaked. So the checker
/// judges only the process that was started.
extern "C" int __lsan_is_turned_off();                                             // NOLINT: the checker's name
extern "C" int __lsan_is_turned_off() { return ::getpid() == started ? 0 : 1; }  // NOLINT

#if defined(__clang__)
#if __has_feature(address_sanitizer) && __clang_major__ < 17
// The C library's allocator can be used in a forked child, AddressSanitizer's only since clang 17: before that a lock
// that another thread holds during fork() stays locked in the child. So the locks are taken for the time of the fork.
namespace __lsan {             // NOLINT: the runtime's name
void LockAllocator();    // NOLINT
void UnlockAllocator();  // NOLINT
}  // namespace __lsan

namespace {

[[maybe_unused]] const int registered = ::pthread_atfork(&__lsan::LockAllocator, &__lsan::UnlockAllocator,
                                                         &__lsan::UnlockAllocator);

}  // namespace
#endif
#endif
