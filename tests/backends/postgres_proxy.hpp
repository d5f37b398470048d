#pragma once
/// \file
/// Between the library and the server: a peer that can be cut, frozen, or that never was a server.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace sqlq::postgres {

inline sockaddr_in local(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Listens on a free port of the loopback and accepts what comes without ever answering.
class Silence {
 public:
  Silence() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = local(0);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port to listen on");
    }
    port_ = ntohs(address.sin_port);
  }
  ~Silence() { ::close(listener_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  [[nodiscard]] int port() const { return port_; }

 protected:
  [[nodiscard]] int listener() const { return listener_; }

 private:
  int listener_;
  int port_ = 0;
};

/// Passes bytes on between clients and the server; can do harm once when the client sends certain bytes.
class Proxy : public Silence {
 public:
  enum class Harm {
    before,  ///< the server never gets them; the connection is cut
    after,   ///< the server gets them and answers; the answer is lost, the connection cut
    sent,    ///< the server gets them; the connection is cut before it can answer
  };

  explicit Proxy(int server_port) : server_port_(server_port), thread_([this] { accept_all(); }) {}
  ~Proxy() {
    stop_ = true;
    thread_.join();
    for (auto& t : pumps_) t.join();
  }

  /// Does it to the next connection on which `bytes` are sent; then never again.
  void harm_at(Harm harm, std::string bytes) {
    const std::lock_guard lock(mutex_);
    harm_ = {harm, std::move(bytes)};
  }
  [[nodiscard]] bool harmed() {
    const std::lock_guard lock(mutex_);
    return !harm_;
  }
  /// From now on nothing goes through, and nobody is told.
  void freeze() { frozen_ = true; }

 private:
  void accept_all() {
    while (!stop_) {
      pollfd watched{listener(), POLLIN, 0};
      if (::poll(&watched, 1, 5) <= 0 || frozen_) continue;
      const int client = ::accept4(listener(), nullptr, nullptr, SOCK_CLOEXEC);
      const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in address = local(server_port_);
      if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(server);
        ::close(client);
        continue;
      }
      pumps_.emplace_back([this, client, server] { pump(client, server); });
    }
  }

  std::optional<Harm> harm_in(const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    if (!harm_ || bytes.find(harm_->second) == std::string::npos) return {};
    const Harm harm = harm_->first;
    harm_.reset();
    return harm;
  }

  static bool pass(int from, int to, std::string& bytes) {
    bytes.resize(65536);
    const auto size = ::recv(from, bytes.data(), bytes.size(), 0);
    if (size <= 0) return false;
    bytes.resize(static_cast<std::size_t>(size));
    if (to < 0) return true;
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto n = ::send(to, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<std::size_t>(n);
    }
    return true;
  }

  void pump(int client, int server) {
    std::string bytes;
    for (bool open = true; open && !stop_;) {
      pollfd watched[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      if (::poll(watched, 2, 5) <= 0 || frozen_) continue;
      if (watched[1].revents != 0) open = pass(server, client, bytes);
      if (!open || watched[0].revents == 0) continue;
      open = pass(client, -1, bytes);
      const auto harm = open ? harm_in(bytes) : std::nullopt;
      if (harm == Harm::before) break;
      if (open) open = ::send(server, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
      if (harm == Harm::sent) break;
      if (harm == Harm::after) {
        pollfd answer{server, POLLIN, 0};
        ::poll(&answer, 1, 5000);
        break;
      }
    }
    ::close(client);
    ::close(server);
  }

  const int server_port_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> frozen_{false};
  std::mutex mutex_;
  std::optional<std::pair<Harm, std::string>> harm_;
  std::list<std::thread> pumps_;
  std::thread thread_;
};

}  // namespace sqlq::postgres
