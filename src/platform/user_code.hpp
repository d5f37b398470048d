#pragma once
/// \file
/// Guards against the user's code: it may fork the process or end the thread that called it.

#include <exception>

#include <sqlq/export.hpp>

#include "platform/forks.hpp"

namespace sqlq::platform {

/// Stands around a call of the user's code on a thread that the library goes on with. When that code has forked and the
/// child comes back (it returned, threw or ended its thread), the child is ended at once, with a line on standard error
/// and exit code 70: it must not go on with the parent's work. Costs the parent a comparison.
class UserCode final {
 public:
  /// `what`: a literal, as "a handler".
  explicit UserCode(const char* what) noexcept : what_(what) {}
  ~UserCode() {
    if (maker_.is_parent()) end_child(what_);
  }
  UserCode(const UserCode&) = delete;
  UserCode& operator=(const UserCode&) = delete;

 private:
  [[noreturn]] static void end_child(const char* what) noexcept;

  const Maker maker_{};
  const char* const what_;
};

/// The unwinding that ends a thread from outside (pthread_cancel, pthread_exit). Code that catches everything around
/// the user's must rethrow it, or the process is aborted: `catch (...) { if (in_forced_unwind()) throw; ... }`. It
/// ends the process, too, when it comes to a function that is noexcept.
///
/// To be asked inside `catch (...)`: it is no C++ exception, so there is no current one.
[[nodiscard]] inline bool in_forced_unwind() noexcept { return std::current_exception() == nullptr; }

/// From now on pthread_cancel does nothing to the calling thread.
void ignore_cancellation() noexcept;

/// The same while it lives; what comes meanwhile ends the thread later. For waits in a line where others find what lies
/// on this thread's stack. Such a wait must be bounded.
class SQLQ_API NoCancellation final {
 public:
  NoCancellation() noexcept;
  ~NoCancellation();
  NoCancellation(const NoCancellation&) = delete;
  NoCancellation& operator=(const NoCancellation&) = delete;

 private:
  int before_ = 0;
};

}  // namespace sqlq::platform
