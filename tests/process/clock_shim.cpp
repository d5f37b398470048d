// A library to preload: the wall clock of the process is moved by as many microseconds as stand in the file (eight
// bytes) that SQLQ_CLOCK_SHIM names, and follows when they change. The monotonic clocks are left alone.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::int64_t million = 1'000'000;

const std::atomic<std::int64_t>* moved = nullptr;

/// Before main: from then on nobody waits for a file.
__attribute__((constructor)) void find_file() {
  const char* name = std::getenv("SQLQ_CLOCK_SHIM");  // NOLINT(concurrency-mt-unsafe): no thread runs yet
  if (name == nullptr) return;
  const int fd = ::open(name, O_RDONLY | O_CLOEXEC);
  void* page = fd < 0 ? MAP_FAILED : ::mmap(nullptr, sizeof *moved, PROT_READ, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) std::abort();  // a test that believes it moves the clock must not go on
  ::close(fd);
  moved = static_cast<const std::atomic<std::int64_t>*>(page);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) {
  const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result != 0 || !wall || moved == nullptr) return result;
  const std::int64_t us = time->tv_sec * million + time->tv_nsec / 1000 + moved->load(std::memory_order_relaxed);
  time->tv_nsec = us % million * 1000 + time->tv_nsec % 1000;
  time->tv_sec = us / million;
  return 0;
}

int gettimeofday(timeval* time, void*) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* into) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
