#pragma once
/// \file
/// libpq without waiting for ever: every wait has a deadline.

#include <libpq-fe.h>

#include <memory>

#include <sqlq/clock.hpp>

#include "platform/wake_up.hpp"

namespace sqlq::postgres {

struct Release {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, Release>;
using Result = std::unique_ptr<PGresult, Release>;

using platform::Until;
using platform::Waited;

/// Waits for the connection's socket (null: none), or until `stop` (null: none) is set.
[[nodiscard]] Waited wait_for(const PGconn* connection, Until until, SteadyPoint deadline,
                              const platform::WakeUp* stop = nullptr);

/// Sends what is buffered and reads the answer to its end. Returns the first result that is an error, else the last
/// one; null when the deadline passed first, or `stop` is set: the connection is of no use then.
[[nodiscard]] Result receive(PGconn* connection, SteadyPoint deadline, const platform::WakeUp* stop = nullptr);

}  // namespace sqlq::postgres
