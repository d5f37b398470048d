#pragma once
/// \file
/// A program that was started with pipes, as the leader of a group of processes of its own. POSIX.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "descriptor.hpp"
#include "process_guard.hpp"

namespace sqlq::tool {

/// The file that a shell would run for this name: it is looked for in PATH unless it has a slash. Empty: there is none.
[[nodiscard]] std::string find_program(const std::string& name);

/// What is to be started.
struct Program {
  std::string file{};                      ///< find_program
  std::vector<std::string> words{};        ///< its name and its arguments
  std::vector<std::string> environment{};  ///< NAME=value, all of them
};

/// How it ended.
struct ChildEnd {
  bool by_signal = false;
  int number = 0;  ///< exit status or signal
};

/// Thread-safety: one thread; many threads may start programs at the same time.
///
/// The program starts with the default action for every signal, none of them blocked, with no descriptors but its three
/// pipes, and in a session of its own: it has no terminal that could stop it. Whatever is left of its group is killed
/// when it is waited for.
class ChildProcess {
 public:
  /// Throws std::system_error: why the program cannot be run, with the errno of fork, exec, pipe, or (EPIPE) because
  /// the guard has ended.
  ChildProcess(const Program& program, const ProcessGuard& guard);
  /// Kills the group and waits for its leader, unless that was done.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// The other ends of its standard input, output and error. None of them waits. Writing to `input` may raise SIGPIPE.
  [[nodiscard]] Descriptor& input() noexcept { return input_; }
  [[nodiscard]] Descriptor& output() noexcept { return output_; }
  [[nodiscard]] Descriptor& error() noexcept { return error_; }
  /// Can be read when the leader has ended; not open where the system has nothing like it.
  [[nodiscard]] const Descriptor& end_of_leader() const noexcept { return leader_; }

  /// To the whole group.
  void signal(int number) const noexcept;
  /// Whether the leader has ended. It is not waited for yet, so its number is still its own.
  [[nodiscard]] bool ended() const;
  /// Kills what is left of the group, and waits for the leader.
  ChildEnd finish();

 private:
  const ProcessGuard& guard_;
  pid_t pid_ = -1;
  Descriptor input_{}, output_{}, error_{}, leader_{};
};

}  // namespace sqlq::tool
