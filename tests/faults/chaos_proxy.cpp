#include "chaos_proxy.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "record.hpp"

namespace sqlq::faults {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

process::Descriptor new_socket() {
  process::Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) process::fail_with_errno("socket");
  return fd;
}

/// What is sent is sent at once, and nobody waits for it.
void tune(const process::Descriptor& fd) {
  const int yes = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

/// Empty: nothing more will come.
std::optional<std::string> receive(const process::Descriptor& from) {
  std::string bytes(65536, '\0');
  const auto n = ::recv(from.get(), bytes.data(), bytes.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::string();
  if (n <= 0) return {};
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

}  // namespace

Proxy::Proxy(int server_port, std::size_t lines, MakeStatements make_statements, std::uint64_t seed)
    : server_port_(server_port), make_statements_(make_statements), lines_(lines), random_(seed) {
  for (Line& line : lines_) {
    line.listener = new_socket();
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(line.listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(line.listener.get(), 64) != 0 ||
        ::getsockname(line.listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      process::fail_with_errno("no port to listen on");
    }
    line.port = ntohs(address.sin_port);
  }
  thread_ = std::thread([this] { run(); });
}

Proxy::~Proxy() {
  stop_ = true;
  thread_.join();
}

Cuts Proxy::cuts() const {
  const std::lock_guard lock(mutex_);
  return cuts_;
}

std::vector<Fault> Proxy::faults() const {
  const std::lock_guard lock(mutex_);
  return faults_;
}

void Proxy::run() {
  while (!stop_) step();
}

void Proxy::step() {
  const auto now = steady_us();
  const auto silent = [](const Line& line) { return line.weather == Weather::silent; };
  std::vector<pollfd> watched;
  for (const Line& line : lines_) watched.push_back({silent(line) ? -1 : line.listener.get(), POLLIN, 0});
  int patience_ms = 10;
  for (Connection& c : connections_) {
    const auto events = [&](const Pipe& in, const Pipe& out) {
      if (!in.bytes.empty() || !out.bytes.empty()) patience_ms = 1;
      const int wanted = (in.bytes.size() < 1'000'000 ? POLLIN : 0) |
                         (!out.bytes.empty() && now >= out.due_us ? POLLOUT : 0);
      return static_cast<short>(wanted);
    };
    const bool mute = silent(*c.line);
    watched.push_back({mute ? -1 : c.client.get(), events(c.up, c.down), 0});
    watched.push_back({mute ? -1 : c.server.get(), events(c.down, c.up), 0});
  }
  ::poll(watched.data(), watched.size(), patience_ms);

  auto at = watched.begin();
  std::vector<Line*> callers;
  for (Line& line : lines_) {
    if ((at++)->revents != 0) callers.push_back(&line);
  }
  for (Connection& c : connections_) {
    const short client = (at++)->revents;
    const short server = (at++)->revents;
    if (c.line->cut) {
      note_cut(c, &Cuts::others);
      c.over = true;
    } else if (!silent(*c.line)) {
      move(c, client, server);
    }
  }
  for (Line& line : lines_) line.cut = false;
  connections_.remove_if([](const Connection& c) { return c.over; });
  for (Line* line : callers) accept(*line);
}

void Proxy::accept(Line& line) {
  Connection c;
  c.client = process::Descriptor(::accept4(line.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (c.client.get() < 0) return;
  c.server = new_socket();
  const sockaddr_in address = loopback(server_port_);
  if (::connect(c.server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
  tune(c.client);
  tune(c.server);
  c.line = &line;
  c.statements = make_statements_();
  connections_.push_back(std::move(c));
}

void Proxy::move(Connection& c, short client_events, short server_events) {
  constexpr short readable = POLLIN | POLLHUP | POLLERR;
  if (!c.over && (server_events & readable) != 0) from_server(c);
  if (!c.over && (client_events & readable) != 0) from_client(c);
  if (!c.over) deliver(c, c.up, c.server);
  if (!c.over) deliver(c, c.down, c.client);
  if (c.ending && c.up.bytes.empty() && c.down.bytes.empty()) c.over = true;
}

void Proxy::from_client(Connection& c) {
  const auto bytes = receive(c.client);
  if (!bytes) {
    c.ending = true;
    return;
  }
  c.statements->sent(*bytes);
  while (auto flight = c.statements->next()) {
    const auto now = steady_us();
    const std::int64_t every = every_us_;
    if (flight->commits && every > 0 && now >= next_cut_us_) {
      next_cut_us_ = now + below(2 * every);
      if (below(2) == 0) {
        note_cut(c, &Cuts::requests_lost);
        c.over = true;
        return;
      }
      c.lose_reply = true;
      c.answer.clear();
    }
    put(c, c.up, flight->bytes);
  }
}

void Proxy::from_server(Connection& c) {
  const auto bytes = receive(c.server);
  if (!bytes) {
    c.ending = true;
    return;
  }
  if (!c.lose_reply) return put(c, c.down, *bytes);
  c.answer += *bytes;
  const Reply reply = c.statements->reply(c.answer);
  if (reply == Reply::unfinished) return;
  note_cut(c, reply == Reply::done ? &Cuts::replies_lost : &Cuts::errors_lost);
  c.over = true;
}

void Proxy::put(Connection& c, Pipe& pipe, std::string_view bytes) {
  constexpr std::int64_t late_us = 100'000;
  if (pipe.bytes.empty()) pipe.due_us = steady_us() + (c.line->weather == Weather::slow ? late_us : 0);
  pipe.bytes += bytes;
}

void Proxy::deliver(Connection& c, Pipe& pipe, const process::Descriptor& to) {
  const auto now = steady_us();
  if (pipe.bytes.empty() || now < pipe.due_us) return;
  std::size_t size = pipe.bytes.size();
  if (c.line->weather == Weather::sliced) {
    size = std::min(size, static_cast<std::size_t>(1 + below(200)));
    pipe.due_us = now + 1000;
  }
  const auto n = ::send(to.get(), pipe.bytes.data(), size, MSG_NOSIGNAL);
  if (n > 0) pipe.bytes.erase(0, static_cast<std::size_t>(n));
  if (n < 0 && errno != EAGAIN && errno != EINTR) c.over = true;
}

void Proxy::note_cut(const Connection& c, std::size_t Cuts::*kind) {
  const auto now = steady_us();
  const std::lock_guard lock(mutex_);
  ++(cuts_.*kind);
  faults_.push_back({.kind = Fault::Kind::cut, .pid = c.line->pid, .from_us = now, .to_us = now});
}

}  // namespace sqlq::faults
