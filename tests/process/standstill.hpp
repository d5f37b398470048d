#pragma once
/// \file
/// A process that is stopped, but not with a file's write lock in its hands: that would stop all others too.

#include <signal.h>

#include <chrono>
#include <string>

#include "child.hpp"
#include "helper.hpp"
#include "sqlite_audit.hpp"

namespace sqlq::process {

/// `file`: the database; empty for a server. Until SIGCONT. In between the process is let go on for long enough to end
/// its transaction, or it would hold the lock for as long as this takes.
inline void stand_still(const Child& process, const std::string& file) {
  process.pause();
  if (file.empty()) return;
  AuditConnection connection(file, 50);
  for (; !connection.can_write(); process.pause()) {
    process.signal(SIGCONT);
    work_for(std::chrono::milliseconds(20));
  }
}

}  // namespace sqlq::process
