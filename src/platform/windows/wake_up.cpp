#include "platform/wake_up.hpp"

#include "platform/windows/api.hpp"

#include <ws2tcpip.h>

#include <sqlq/error.hpp>

namespace sqlq::platform {
namespace {

/// Windows counts; what is never given back is given back when the process ends.
void use_sockets() {
  static const int started = [] {
    WSADATA data{};
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  if (started != 0) throw Error(Errc::configuration, "this system has no sockets (Winsock 2.2)");
}

/// A socket of datagrams that is connected with itself: what is sent to it can be read from it.
int make_loop() noexcept {
  const SOCKET loop = ::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
  if (loop == INVALID_SOCKET) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  int size = sizeof address;
  u_long without_waiting = 1;
  const bool made = ::bind(loop, general, size) == 0 && ::getsockname(loop, general, &size) == 0 &&
                    ::connect(loop, general, size) == 0 && ::ioctlsocket(loop, FIONBIO, &without_waiting) == 0;
  if (!made) {
    ::closesocket(loop);
    return -1;
  }
  ::SetHandleInformation(reinterpret_cast<HANDLE>(loop), HANDLE_FLAG_INHERIT, 0);
  return static_cast<int>(loop);  // handles have 32 bits on every Windows
}

SOCKET socket_of(int number) noexcept { return number < 0 ? INVALID_SOCKET : static_cast<SOCKET>(number); }

short events_of(Until until) noexcept {
  switch (until) {
    case Until::readable: return POLLRDNORM;
    case Until::writable: return POLLWRNORM;
    case Until::either: break;
  }
  return POLLRDNORM | POLLWRNORM;
}

}  // namespace

WakeUp::WakeUp() : ends_{-1, -1} {
  use_sockets();
  ends_[0] = ends_[1] = make_loop();
  if (ends_[0] < 0) throw Error(Errc::busy, "cannot make a socket for wake-ups: too many open files");
}

WakeUp::~WakeUp() { ::closesocket(socket_of(ends_[0])); }

void WakeUp::set() noexcept {
  const char byte = 's';
  ::send(socket_of(ends_[1]), &byte, 1, 0);
}

Seen look_at_socket(int socket, Until until, const WakeUp* stop, int milliseconds) noexcept {
  std::array<WSAPOLLFD, 2> watched{};
  ULONG count = 0;
  const auto watch = [&](int number, short events) {
    if (number < 0) return std::size_t{2};  // WSAPoll refuses what is no socket
    watched[count] = {socket_of(number), events, 0};
    return static_cast<std::size_t>(count++);
  };
  const std::size_t users = watch(socket, events_of(until));
  const std::size_t stops = watch(stop != nullptr ? stop->descriptor() : -1, POLLRDNORM);
  if (count == 0) {
    ::Sleep(static_cast<DWORD>(milliseconds));
    return {};
  }
  if (::WSAPoll(watched.data(), count, milliseconds) < 0) return {.ready = true};
  const auto seen = [&](std::size_t at) { return at < count && watched[at].revents != 0; };
  return {.ready = seen(users), .stopped = seen(stops)};
}

void close_in_programs(int socket) noexcept {
  ::SetHandleInformation(reinterpret_cast<HANDLE>(socket_of(socket)), HANDLE_FLAG_INHERIT, 0);
}

}  // namespace sqlq::platform
