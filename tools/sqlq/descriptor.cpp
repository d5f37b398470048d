#include "descriptor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/syscall.h>

namespace sqlq::tool {
namespace {

constexpr int above_standard = 3;

// Where the system has no call for a whole range: as many as a process may have, within reason.
int end_of_descriptors() noexcept {
  const long most = ::sysconf(_SC_OPEN_MAX);
  return static_cast<int>(std::clamp(most, 256L, 65536L));
}

bool in_one_call([[maybe_unused]] int from, [[maybe_unused]] int to, [[maybe_unused]] bool at_exec) noexcept {
#ifdef SYS_close_range
  constexpr unsigned close_at_exec = 4;  // CLOSE_RANGE_CLOEXEC
  return from > to || ::syscall(SYS_close_range, static_cast<unsigned>(from), static_cast<unsigned>(to),
                                at_exec ? close_at_exec : 0U) == 0;
#else
  return false;
#endif
}

}  // namespace

Pipe make_pipe() {
  std::array<int, 2> ends{};
#ifdef __linux__
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "no pipe");
#else
  if (::pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "no pipe");
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
#endif
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

void do_not_wait(const Descriptor& end) { ::fcntl(end.get(), F_SETFL, ::fcntl(end.get(), F_GETFL) | O_NONBLOCK); }

void close_all_at_exec() noexcept {
  if (in_one_call(above_standard, ~0U >> 1, true)) return;
  for (int fd = above_standard, end = end_of_descriptors(); fd < end; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void close_all_but(int kept) noexcept {
  if (in_one_call(above_standard, kept - 1, false) && in_one_call(kept + 1, ~0U >> 1, false)) return;
  for (int fd = above_standard, end = end_of_descriptors(); fd < end; ++fd) {
    if (fd != kept) ::close(fd);
  }
}

}  // namespace sqlq::tool
