#pragma once
/// \file
/// What the operating system is asked for in few words. Each function has a body for POSIX systems (posix/) and one for
/// Windows (windows/). Thread-safety: all functions from any thread.

#include <cstddef>
#include <string>
#include <vector>

namespace sqlq::platform {

/// Fills at most 256 bytes with unpredictable ones; false when the system has none to give.
[[nodiscard]] bool entropy(void* bytes, std::size_t size) noexcept;

/// Calls `forked` in every child of fork() from now on, where the system has such a thing. No locks.
void watch_forks(void (*forked)()) noexcept;

/// The name of this machine as the system has it; empty when it has none.
[[nodiscard]] std::string system_name();

/// Names this run of the machine: the same for all of its processes, another one after it was started again. Empty when
/// the system does not tell.
[[nodiscard]] std::string boot_id();

/// Where the system keeps its time zones, the best first: names of folders, each with a separator at its end. A system
/// without (Windows): that of the environment variable TZDIR, and `zoneinfo` beside the program.
[[nodiscard]] std::vector<std::string> zone_folders();

}  // namespace sqlq::platform
