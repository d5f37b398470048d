#include "process_guard.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptor.hpp"

namespace sqlq::tool {
namespace {

// More than a worker can run at once. Only the guard touches them.
std::array<pid_t, 8192> groups;

void note(pid_t change) noexcept {
  const pid_t from = change > 0 ? 0 : -change;
  const auto at = std::find(groups.begin(), groups.end(), from);
  if (at != groups.end()) *at = change > 0 ? change : 0;
}

// The whole life of the guard. Async-signal-safe: it is forked from a process that may have threads.
[[noreturn]] void guard(int pipe) noexcept {
  ::setsid();  // what a shell sends to the worker's group is not for it; all signals are blocked besides
  const int nothing = ::open("/dev/null", O_RDWR);
  for (const int fd : {0, 1, 2}) ::dup2(nothing, fd);  // whoever reads what the worker prints must not wait for it
  close_all_but(pipe);
  if (::chdir("/") != 0) {  // then a file system stays busy for longer
  }
  std::array<pid_t, 256> changes{};
  std::size_t begun = 0;  // bytes of a number that is not here yet
  for (;;) {
    char* const into = reinterpret_cast<char*>(changes.data());
    const ssize_t n = ::read(pipe, into + begun, sizeof(changes) - begun);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    const std::size_t bytes = begun + static_cast<std::size_t>(n);
    const std::size_t whole = bytes / sizeof(pid_t);
    for (std::size_t i = 0; i < whole; ++i) note(changes[i]);
    begun = bytes % sizeof(pid_t);
    std::copy_n(into + whole * sizeof(pid_t), begun, into);
  }
  for (const pid_t group : groups) {
    if (group > 0) ::kill(-group, SIGKILL);
  }
  ::_exit(0);
}

bool tell(int pipe, pid_t change) noexcept {
  for (;;) {
    if (::write(pipe, &change, sizeof change) == static_cast<ssize_t>(sizeof change)) return true;
    if (errno != EINTR) return false;
  }
}

}  // namespace

ProcessGuard::ProcessGuard() {
  Pipe pipe = make_pipe();
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the parent's handlers are not for the child
  pid_ = ::fork();
  if (pid_ == 0) guard(pipe.read.get());
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ < 0) throw std::system_error(error, std::generic_category(), "no process that guards the commands");
  pipe_ = pipe.write.release();
}

ProcessGuard::~ProcessGuard() {
  ::close(pipe_);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool ProcessGuard::enlist(pid_t group) const noexcept { return tell(pipe_, group); }

void ProcessGuard::dismiss(pid_t group) const noexcept { tell(pipe_, -group); }

}  // namespace sqlq::tool
