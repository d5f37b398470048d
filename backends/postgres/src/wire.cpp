#include "wire.hpp"

#include <utility>

namespace sqlq::postgres {
namespace {

bool failed(const PGresult* result) {
  const auto status = PQresultStatus(result);
  return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
}

}  // namespace

Waited wait_for(const PGconn* connection, Until until, SteadyPoint deadline, const platform::WakeUp* stop) {
  // libpq finds out what is wrong with its socket.
  return platform::wait_for(connection != nullptr ? PQsocket(connection) : -1, until, deadline, stop);
}

Result receive(PGconn* connection, SteadyPoint deadline, const platform::WakeUp* stop) {
  for (int unsent = PQflush(connection); unsent == 1; unsent = PQflush(connection)) {
    if (wait_for(connection, Until::either, deadline, stop) != Waited::ready) return nullptr;
    PQconsumeInput(connection);
  }
  Result kept;
  for (;;) {
    while (PQisBusy(connection) != 0) {
      if (wait_for(connection, Until::readable, deadline, stop) != Waited::ready) return nullptr;
      PQconsumeInput(connection);  // a failure ends the result as an error
    }
    Result next(PQgetResult(connection));
    if (!next) return kept;
    const auto status = PQresultStatus(next.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) return next;
    if (!kept || !failed(kept.get())) kept = std::move(next);
  }
}

}  // namespace sqlq::postgres
