#pragma once
/// \file
/// The lines between processes and their server: each process has one of its own, so that harm can be done to it alone.
///
/// Commits are cut by the proxy itself, at the first that comes when one is due: before the server gets it, or after
/// the server has answered and before the client hears it. Everything else is asked for.
///
/// Thread-safe. One thread of its own moves all bytes; it ends with the object. Errors: std::system_error when there is
/// no port to listen on.

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "chaos_statements.hpp"
#include "process/child.hpp"
#include "run.hpp"

namespace sqlq::faults {

/// What a line is like.
enum class Weather {
  fair,
  slow,    ///< whatever is sent arrives a tenth of a second later
  sliced,  ///< it arrives in pieces of a few bytes
  silent,  ///< nothing arrives, and nobody is told
};

/// What was cut.
struct Cuts {
  std::size_t requests_lost = 0;  ///< a commit that the server never got
  std::size_t replies_lost = 0;   ///< a commit that was done, and the client never heard
  std::size_t errors_lost = 0;    ///< a commit that was refused, and the client never heard
  std::size_t others = 0;         ///< connections, at any moment
  [[nodiscard]] std::size_t commits() const { return requests_lost + replies_lost; }
};

class Proxy {
 public:
  using MakeStatements = std::unique_ptr<Statements> (*)();

  Proxy(int server_port, std::size_t lines, MakeStatements make_statements, std::uint64_t seed);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  [[nodiscard]] int port(std::size_t line) const { return lines_[line].port; }
  /// Who uses the line from now on.
  void serve(std::size_t line, pid_t pid) { lines_[line].pid = pid; }
  void change(std::size_t line, Weather weather) { lines_[line].weather = weather; }
  /// Cuts all connections of the line.
  void cut(std::size_t line) { lines_[line].cut = true; }
  /// Cuts a commit on any line about every so many microseconds; 0: none.
  void cut_commits(std::int64_t every_us) { every_us_ = every_us; }

  [[nodiscard]] Cuts cuts() const;
  /// Whose connections were cut, and when.
  [[nodiscard]] std::vector<Fault> faults() const;

 private:
  struct Line {
    process::Descriptor listener{};
    int port = 0;
    std::atomic<pid_t> pid{0};
    std::atomic<Weather> weather{Weather::fair};
    std::atomic<bool> cut{false};
  };
  /// Bytes on their way.
  struct Pipe {
    std::string bytes{};
    std::int64_t due_us = 0;
  };
  struct Connection {
    Line* line = nullptr;
    process::Descriptor client{};
    process::Descriptor server{};
    std::unique_ptr<Statements> statements{};
    Pipe up{};
    Pipe down{};
    std::string answer{};  ///< to the commit whose reply is to be lost
    bool lose_reply = false;
    bool ending = false;  ///< one side has closed; what is on its way still arrives
    bool over = false;
  };

  void run();
  void step();
  void accept(Line& line);
  void move(Connection& c, short client_events, short server_events);
  void from_client(Connection& c);
  void from_server(Connection& c);
  void deliver(Connection& c, Pipe& pipe, const process::Descriptor& to);
  void put(Connection& c, Pipe& pipe, std::string_view bytes);
  void note_cut(const Connection& c, std::size_t Cuts::*kind);
  /// 0 <= result < n
  [[nodiscard]] std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
  }

  const int server_port_;
  const MakeStatements make_statements_;
  std::vector<Line> lines_;
  std::list<Connection> connections_{};
  std::mt19937_64 random_;
  std::int64_t next_cut_us_ = 0;
  std::atomic<std::int64_t> every_us_{0};
  mutable std::mutex mutex_{};
  Cuts cuts_{};
  std::vector<Fault> faults_{};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace sqlq::faults
