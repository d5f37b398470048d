#pragma once
/// \file
/// Signals as a stop token: `worker.run(sqlq::SignalStop{SIGINT, SIGTERM}.token());`

#include <initializer_list>
#include <memory>

#include <sqlq/stop_token.hpp>

#include <sqlq/export.hpp>

namespace sqlq {

/// While it lives, the first of the given signals trips the token instead of ending the process; the handlers found
/// before are then restored, so that a second one ends the process as usual. The token stays valid after the object is
/// gone, but then no signal trips it: keep the object for as long as you wait (the temporary above lives to the end of
/// the full expression, which is long enough).
///
/// Windows has SIGINT (Ctrl+C) and SIGBREAK (Ctrl+Break). A console that is closed, a log-off and a shutdown count as
/// SIGTERM there; the system ends the process some seconds later (5 for a closed console), so keep the worker's
/// shutdown times below that.
///
/// One object per signal and process at a time (else Error(misuse)). Thread-safety: make and destroy on one thread.
class SQLQ_API SignalStop {
 public:
  /// Takes these signals until it is destroyed.
  SignalStop(std::initializer_list<int> numbers);  // not `signals`, which is a macro of Qt
  ~SignalStop();
  SignalStop(const SignalStop&) = delete;
  SignalStop& operator=(const SignalStop&) = delete;
  /// Tripped by the first of the signals.
  [[nodiscard]] sqlq::stop_token token() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sqlq
