#include "platform/wake_up.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#include <sqlq/error.hpp>

namespace sqlq::platform {
namespace {

#if defined(__linux__)

std::array<int, 2> make_ends() {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return {descriptor, descriptor};
}

#else

std::array<int, 2> make_ends() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return {-1, -1};
  for (const int end : ends) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
  return ends;
}

#endif

short events_of(Until until) {
  switch (until) {
    case Until::readable: return POLLIN;
    case Until::writable: return POLLOUT;
    case Until::either: break;
  }
  return POLLIN | POLLOUT;
}

}  // namespace

WakeUp::WakeUp() : ends_(make_ends()) {
  if (ends_[0] < 0) throw Error(Errc::busy, "cannot make a descriptor for wake-ups: too many open files");
}

WakeUp::~WakeUp() {
  ::close(ends_[0]);
  if (ends_[1] != ends_[0]) ::close(ends_[1]);
}

void WakeUp::set() noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(ends_[1], &one, sizeof one));
}

Seen look_at_socket(int socket, Until until, const WakeUp* stop, int milliseconds) noexcept {
  const int wake_up = stop != nullptr ? stop->descriptor() : -1;
  std::array<pollfd, 2> watched{{{socket, events_of(until), 0}, {wake_up, POLLIN, 0}}};
  const int ready = ::poll(watched.data(), watched.size(), milliseconds);
  if (ready < 0) return {.ready = errno != EINTR};
  return {.ready = watched[0].revents != 0, .stopped = watched[1].revents != 0};
}

void close_in_programs(int socket) noexcept { ::fcntl(socket, F_SETFD, FD_CLOEXEC); }

}  // namespace sqlq::platform
