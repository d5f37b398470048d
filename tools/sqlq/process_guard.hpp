#pragma once
/// \file
/// No process outlives the worker that started it, however the worker ends (decision 0045). POSIX.

#include <sys/types.h>

namespace sqlq::tool {

/// A small process beside this one: it reads the groups of processes that are under way from a pipe, and when the other
/// end of the pipe is closed, because this process has ended in whatever way, it kills those groups and ends.
///
/// Thread-safety: all members from any thread. SIGPIPE must be ignored in this process.
class ProcessGuard {
 public:
  /// Forks. Throws std::system_error.
  ProcessGuard();
  /// Kills what is still enlisted.
  ~ProcessGuard();
  ProcessGuard(const ProcessGuard&) = delete;
  ProcessGuard& operator=(const ProcessGuard&) = delete;

  /// To be called by the new process itself, between fork and exec: so there is no moment at which it runs and the
  /// guard does not know it. Async-signal-safe. False: the guard has ended.
  [[nodiscard]] bool enlist(pid_t group) const noexcept;
  /// To be called before the group's leader is waited for, as long as its number cannot have been given to another.
  void dismiss(pid_t group) const noexcept;
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  int pipe_ = -1;
  pid_t pid_ = -1;
};

}  // namespace sqlq::tool
