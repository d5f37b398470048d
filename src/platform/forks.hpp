#pragma once
/// \file
/// Whether this process is a forked child of the one that made something. Threads do not survive a fork, and locks stay
/// as they were at that moment: what the parent had made with threads and connections, a child must leave alone.

#include <sqlq/export.hpp>

namespace sqlq::platform {

/// How many forks lie between the process that first asked and this one. Thread-safe; no locks.
[[nodiscard]] SQLQ_API unsigned forks() noexcept;

/// Keeps what the parent made and a child must not destroy: never freed, but reachable, so that a leak checker knows
/// that it is meant. Thread-safe; no locks.
void keep_for_ever(const void* object) noexcept;

/// Remembers the process that made it.
class Maker final {
 public:
  Maker() noexcept : forks_(forks()) {}
  /// Whether this process is a child of that one.
  [[nodiscard]] bool is_parent() const noexcept { return forks() != forks_; }

 private:
  unsigned forks_;
};

}  // namespace sqlq::platform
