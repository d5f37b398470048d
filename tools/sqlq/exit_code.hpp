#pragma once
/// \file
/// How the program ends: documented in docs/cli.md, for scripts. Never renumber.

#include <cstddef>
#include <exception>
#include <string>
#include <utility>

namespace sqlq::tool {

enum class ExitCode {
  ok = 0,
  failed = 1,          ///< the operation failed; a finding of `doctor` is an error
  usage = 2,           ///< a wrong command line, or a value that no database was asked about
  cannot_connect = 3,  ///< connection, permission, configuration, busy
  schema = 4,          ///< missing, behind, newer, changed by hand
  not_found = 5,       ///< no such job, queue, schedule, worker
  conflict = 6,        ///< in no state for it; a live job has the unique key
  partly_done = 7,     ///< of many things some were not changed, or it was interrupted: a message says how to go on
  timed_out = 8,
  job_failed = 9,      ///< `job wait`, `work --once`: the job itself
  interrupted = 130,   ///< by SIGINT before anything was changed
};

/// How a command over several things ends: it does what it can to each of them, and tells of the others.
struct Tally {
  std::size_t things = 0;
  std::size_t done = 0;
  std::size_t unknown = 0;  ///< not there; the rest was in no state for it

  [[nodiscard]] ExitCode code() const noexcept {
    if (done == things) return ExitCode::ok;
    if (unknown == things) return ExitCode::not_found;
    return done == 0 ? ExitCode::conflict : ExitCode::partly_done;
  }
};

/// Thrown by a command that ends with a message on standard error.
class Exit : public std::exception {
 public:
  Exit(ExitCode code, std::string message) : code_(code), message_(std::move(message)) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }
  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

 private:
  ExitCode code_;
  std::string message_;
};

}  // namespace sqlq::tool
