#include "wire.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include <sqlq/error.hpp>

namespace sqlq::postgres {
namespace {

/// Milliseconds for poll(2), rounded up so that it does not come back too early; 0 when the deadline has passed.
int left_until(SteadyPoint deadline) {
  constexpr std::int64_t most = 60'000;  // a longer wait is made of several
  const auto now = system_clock()->steady();
  if (deadline <= now) return 0;
  const Duration left = deadline - now;
  return static_cast<int>(std::min<std::int64_t>((left.count() + 999) / 1000, most));
}

bool failed(const PGresult* result) {
  const auto status = PQresultStatus(result);
  return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
}

}  // namespace

Waited wait_for(const PGconn* connection, short events, SteadyPoint deadline, int stop) {
  for (;;) {
    const int left = left_until(deadline);
    const int socket = connection != nullptr ? PQsocket(connection) : -1;
    std::array<pollfd, 2> watched{{{socket, events, 0}, {stop, POLLIN, 0}}};
    const int ready = ::poll(watched.data(), watched.size(), left);
    if (ready > 0 && watched[1].revents != 0) return Waited::stopped;
    if (ready > 0) return Waited::ready;
    if (ready < 0 && errno != EINTR) return Waited::ready;  // libpq finds out what is wrong with the socket
    if (ready == 0 && left == 0) return Waited::too_late;
  }
}

Result receive(PGconn* connection, SteadyPoint deadline, int stop) {
  for (int unsent = PQflush(connection); unsent == 1; unsent = PQflush(connection)) {
    if (wait_for(connection, POLLIN | POLLOUT, deadline, stop) != Waited::ready) return nullptr;
    PQconsumeInput(connection);
  }
  Result kept;
  for (;;) {
    while (PQisBusy(connection) != 0) {
      if (wait_for(connection, POLLIN, deadline, stop) != Waited::ready) return nullptr;
      PQconsumeInput(connection);  // a failure ends the result as an error
    }
    Result next(PQgetResult(connection));
    if (!next) return kept;
    const auto status = PQresultStatus(next.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) return next;
    if (!kept || !failed(kept.get())) kept = std::move(next);
  }
}

StopEvent::StopEvent() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw Error(Errc::busy, "cannot make an eventfd: too many open files", "postgres");
}

StopEvent::~StopEvent() { ::close(descriptor_); }

void StopEvent::set() noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(descriptor_, &one, sizeof one));
}

}  // namespace sqlq::postgres
