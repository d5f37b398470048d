#pragma once
/// \file
/// A connection of our own to the server.

#include <memory>
#include <string>
#include <vector>

#include "options.hpp"
#include "session.hpp"
#include "sql/work.hpp"
#include "wire.hpp"

namespace sqlq::postgres {

/// What a connection is for.
enum class Role {
  work,   ///< operations
  hints,  ///< LISTEN or NOTIFY
};

/// Connects to the first of the servers that can be written to, giving each `connect_timeout`. Errors: permission and
/// configuration (refused, or too old), busy (no connection left), wrong_node (all are read-only), connection. `stop`:
/// ends the attempt when it is set (Errc::connection).
[[nodiscard]] Handle connect(const Options& options, Role role, const platform::WakeUp* stop = nullptr);

class PgConnection final : public sql::Connection {
 public:
  /// Connects. Options and texts must outlive it. `stop`: ends every wait, from now on; null: nothing does.
  PgConnection(const Options& options, const std::vector<std::string>& texts, Role role = Role::work,
               const platform::WakeUp* stop = nullptr);

  sql::Session& session() noexcept override { return session_; }
  void begin() override;
  void begin_snapshot() override;
  void commit() override;
  void rollback() noexcept override;
  void script(const std::string& text) override { session_.command(text); }
  bool usable() const noexcept override;

  /// Begins a transaction that may wait longer for locks and work longer: for changes of the schema.
  void begin_patient();
  /// The same patience for each statement outside of a transaction, as long as the connection lives.
  void be_patient();
  [[nodiscard]] const PGconn* handle() const noexcept { return handle_.get(); }

 private:
  static void on_notice(void* self, const PGresult* notice);

  const Options& options_;
  Handle handle_;
  PgSession session_;
};

}  // namespace sqlq::postgres
