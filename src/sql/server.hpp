#pragma once
/// \file
/// What a backend over a server implements; `make_server_dialect` makes a Dialect of it, whose operations run on a pool
/// of connections: with transactions, retries of conflicts, what to do about lost connections, and hints.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>
#include <sqlq/export.hpp>

#include "sql/operations.hpp"
#include "sql/pool.hpp"

namespace sqlq::sql {

/// Thread-safe.
class Server : public Operations {
 public:
  [[nodiscard]] virtual const backend::Capabilities& capabilities() const noexcept = 0;
  /// Product, version, place; no password. Called after a first connection was made.
  [[nodiscard]] virtual std::string description() const = 0;
  /// As Dialect::self_check.
  virtual std::vector<Finding> self_check(Session& session) = 0;
  /// A new connection, ready to work: settings, timeouts, not a read-only node.
  [[nodiscard]] virtual std::unique_ptr<Connection> connect() = 0;
  /// One for heartbeats: it waits for the lock of a table for a second at most.
  [[nodiscard]] virtual std::unique_ptr<Connection> connect_to_renew() = 0;
  /// Whether the error means that a lock was waited for in vain.
  [[nodiscard]] virtual bool locked_out(const Error& error) const noexcept = 0;
  /// A session on the user's connection, after checking that it is of this kind of database (Error(invalid_argument))
  /// and inside a transaction (Error(misuse)). Leaves nothing behind on it.
  [[nodiscard]] virtual std::unique_ptr<Session> borrow(const Tx& tx) = 0;

  // Wake-ups between processes, as in runner.hpp.
  virtual void announce() noexcept {}
  /// Asked in a transaction of the user's that has written: to announce it once it is committed.
  virtual void announce_when_committed(Session& /*borrowed*/) {}
  [[nodiscard]] virtual std::shared_ptr<void> watch(std::function<void()> /*heard*/) { return nullptr; }
};

/// The dialect over a server. Connects once, so that a wrong URL is noticed now. The clock tells how long an operation
/// has waited, so it must be the one of the requests.
[[nodiscard]] SQLQ_API std::unique_ptr<backend::Dialect> make_server_dialect(
    std::unique_ptr<Server> server, const PoolOptions& pool, const std::shared_ptr<Clock>& clock = system_clock());

}  // namespace sqlq::sql
