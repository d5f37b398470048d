#pragma once
/// \file
/// libpq without waiting for ever: every wait is a poll(2) with a deadline.

#include <libpq-fe.h>

#include <memory>

#include <sqlq/clock.hpp>

namespace sqlq::postgres {

struct Release {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, Release>;
using Result = std::unique_ptr<PGresult, Release>;

enum class Waited { ready, too_late, stopped };

/// Waits until the connection's socket (null: none) can be read or written, as `events` of poll(2) says, or until
/// `stop` (a file descriptor; -1: none) can be read.
[[nodiscard]] Waited wait_for(const PGconn* connection, short events, SteadyPoint deadline, int stop = -1);

/// Sends what is buffered and reads the answer to its end. Returns the first result that is an error, else the last
/// one; null when the deadline passed first, or `stop` can be read: the connection is of no use then.
[[nodiscard]] Result receive(PGconn* connection, SteadyPoint deadline, int stop = -1);

/// An eventfd: one thread waits for it in poll(2), another writes.
class StopEvent {
 public:
  StopEvent();
  ~StopEvent();
  StopEvent(const StopEvent&) = delete;
  StopEvent& operator=(const StopEvent&) = delete;
  void set() noexcept;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace sqlq::postgres
