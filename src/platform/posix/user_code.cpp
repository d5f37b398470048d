#include "platform/user_code.hpp"

#include <array>
#include <cstdio>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

namespace sqlq::platform {
namespace {

constexpr int software_error = 70;  // EX_SOFTWARE of <sysexits.h>

}  // namespace

// Other threads may have held any lock at the fork: nothing of the library is called here.
void UserCode::end_child(const char* what) noexcept {
  std::array<char, 400> line{};
  const int length = std::snprintf(line.data(), line.size(),
                                   "sqlq: process %ld was ended: it is the child of a fork() in %s and came back to "
                                   "the library, whose work is the parent's; call exec or _exit in the child\n",
                                   static_cast<long>(::getpid()), what);
  pollfd standard_error{STDERR_FILENO, POLLOUT, 0};
  if (length > 0 && ::poll(&standard_error, 1, 0) == 1) {  // a full pipe that nobody reads keeps no child
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), static_cast<std::size_t>(length));
  }
  ::_exit(software_error);
}

void ignore_cancellation() noexcept {
  int before = 0;
  ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
}

NoCancellation::NoCancellation() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }

NoCancellation::~NoCancellation() {
  int now = 0;
  ::pthread_setcancelstate(before_, &now);
}

}  // namespace sqlq::platform
