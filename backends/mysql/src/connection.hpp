#pragma once
/// \file
/// One connection of our own to the server.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native_session.hpp"
#include "options.hpp"
#include "sql/work.hpp"

namespace sqlq::mysql {

/// The server that answered.
struct Greeting {
  bool mariadb = false;
  std::string version{};
  std::string place{};  ///< host and port, or the socket
  bool read_only = false;
};

class Connection final : public sql::Connection {
 public:
  /// Connects to the first host that takes writes and makes all settings; the statement `server` asks it who it is.
  /// Errors: connection (nobody answered), wrong_node (read-only, or a node that is not part of its cluster),
  /// permission (user, password), configuration (the database is not there, the server is too old).
  static std::unique_ptr<Connection> open(const Options& options, const sql::Statement& server);

  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] NativeSession& session() noexcept override { return session_; }
  [[nodiscard]] const Greeting& greeting() const noexcept { return greeting_; }

  void begin() override;
  void begin_snapshot() override;
  void commit() override;
  void rollback() noexcept override;
  void script(const std::string& text) override;
  [[nodiscard]] bool usable() const noexcept override;

 private:
  Connection(MYSQL* handle, std::string place)
      : handle_(handle), session_(handle), greeting_{.place = std::move(place)} {}
  void configure(const Options& options);
  void greet(const sql::Statement& server);
  void see_all_nodes();

  MYSQL* handle_;
  NativeSession session_;
  Greeting greeting_;
  bool doubtful_ = false;  // a commit failed in an unusual way
};

/// The statements of a script, cut at ';' outside of quotes; comment lines are left out.
[[nodiscard]] std::vector<std::string> split(const std::string& script);

}  // namespace sqlq::mysql
