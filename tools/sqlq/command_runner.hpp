#pragma once
/// \file
/// Runs a command to its end: feeds it, reads what it says, and ends it when it is to stop. Knows nothing of jobs.

#include <functional>
#include <string>
#include <string_view>

#include <sqlq/clock.hpp>
#include <sqlq/stop_token.hpp>

#include "child_process.hpp"

namespace sqlq::tool {

/// Bytes of one line of standard error; a longer one is told in pieces, cut between characters of UTF-8.
inline constexpr std::size_t longest_line = std::size_t{16} << 10;

struct CommandInput {
  std::string_view standard_input{};  ///< a command that does not read it all is as good
  std::size_t most_output = 0;        ///< bytes of standard output that are kept
  /// Called for each line of standard error as it comes, on the calling thread; also for a last one without its end.
  std::function<void(std::string_view)> on_line{};
  sqlq::stop_token stop{};             ///< tripped: SIGTERM to the whole group...
  Duration grace{};                   ///< ... and SIGKILL so long after that
  /// When the command itself has ended, and others of its group still hold its output open: how long they are waited
  /// for, or to the end of the grace if it was to stop. Then they are killed.
  Duration linger = std::chrono::seconds(1);
};

struct CommandEnd {
  ChildEnd how{};
  std::string output{};      ///< standard output, at most so much
  bool output_cut = false;   ///< there was more
  std::string last_line{};   ///< of standard error that is not blank; at most 1 KiB
};

/// Returns when the command has ended and nothing of its group is left. Throws std::system_error when it cannot be run.
/// Thread-safety: any number of threads at once. SIGPIPE must be ignored and SIGCHLD must not be.
[[nodiscard]] CommandEnd run_command(const Program& program, const CommandInput& input, const ProcessGuard& guard);

}  // namespace sqlq::tool
