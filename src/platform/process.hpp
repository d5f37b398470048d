#pragma once
/// \file
/// Which processes of this host are known to have ended.

#include <cstdint>
#include <string>

#include <sqlq/export.hpp>

namespace sqlq::platform {

/// A process as others of the same host can look it up. A number of a process is used again; together with the time of
/// its start it is not.
struct Process {
  std::string host{};        ///< this boot of the host, and the namespace that its numbers are of; empty: not known
  std::int64_t pid = 0;
  std::int64_t started = 0;  ///< in the system's ticks since the boot
};

/// The one that calls. Without a host where the system does not tell all of it.
[[nodiscard]] SQLQ_API Process this_process();

/// Whether it has certainly ended. False when in doubt: another host, another container, a system that does not tell.
[[nodiscard]] SQLQ_API bool known_dead(const Process& process);

}  // namespace sqlq::platform
