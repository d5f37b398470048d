#pragma once
/// \file
/// A process that is stopped at a moment that matters: outside of a transaction of its own, or inside of one.

#include <signal.h>

#include <chrono>
#include <string>

#include "child.hpp"
#include "helper.hpp"
#include "sqlite_audit.hpp"

namespace sqlq::process {

/// Not with a file's write lock in its hands: that would stop all others too. `file`: the database; empty for a server.
/// Until SIGCONT. In between the process is let go on for long enough to end its transaction, or it would hold the lock
/// for as long as this takes.
inline void stand_still(const Child& process, const std::string& file) {
  process.pause();
  if (file.empty()) return;
  AuditConnection connection(file, 50);
  for (; !connection.can_write(); process.pause()) {
    process.signal(SIGCONT);
    work_for(std::chrono::milliseconds(20));
  }
}

/// The opposite: stopped while it holds the file's write lock, so that SIGKILL finds it between a write and its commit.
/// False, and not stopped: it has not been found writing.
inline bool stand_in_transaction(const Child& process, const std::string& file) {
  AuditConnection connection(file, 100);  // longer than a transaction of those that go on
  for (int tries = 0; tries < 300; ++tries) {
    process.pause();
    if (!connection.can_write() && !connection.can_write()) return true;
    process.signal(SIGCONT);
    work_for(std::chrono::milliseconds(3));
  }
  return false;
}

}  // namespace sqlq::process
