#pragma once
/// \file
/// Statements on a connection: our own or one borrowed from the user.

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include <sqlq/clock.hpp>

#include "errors.hpp"
#include "sql/session.hpp"
#include "wire.hpp"

namespace sqlq::postgres {

/// The name under which a session of our own prepares a statement: a hash of its text, in which the schema is, and of
/// its types. Behind a pooler that hands sessions from one program to another, a name then never means a statement of
/// another version or of another schema.
[[nodiscard]] std::string prepared_name(const sql::Statement& statement, const std::string& text);

class PgSession final : public sql::Session {
 public:
  enum class Plans {
    kept,      ///< each statement is prepared under a name when it is first used
    each_time  ///< nothing stays on the connection
  };

  /// `texts`: the catalogue's statements with $1, $2, ... for parameters, by Statement::index. `patience`: how long to
  /// wait for an answer. Neither handle nor texts are owned.
  /// `stop`: ends every wait when it is set, as if the patience were over; null: nothing does.
  PgSession(PGconn* handle, const std::vector<std::string>& texts, Plans plans, Duration patience,
            const platform::WakeUp* stop = nullptr)
      : handle_(handle), texts_(texts), plans_(plans), patience_(patience), stop_(stop) {}
  /// One on a user's connection.
  [[nodiscard]] static std::unique_ptr<PgSession> borrowed(PGconn* handle, const std::vector<std::string>& texts,
                                                           Duration patience) {
    auto session = std::make_unique<PgSession>(handle, texts, Plans::each_time, patience);
    session->owner_ = Owner::user;
    return session;
  }

  /// Commands without parameters and rows. Returns the tag of the last: "COMMIT".
  std::string command(const std::string& sql);
  void set_patience(Duration patience) noexcept { patience_ = patience; }
  [[nodiscard]] PGconn* handle() const noexcept { return handle_; }
  /// An error has shown that the connection must not be used any more.
  [[nodiscard]] bool spoiled() const noexcept { return spoiled_; }
  /// The server says that a commit is there but may be lost with it, since nobody waited for the standby.
  void commit_is_doubtful() noexcept { doubtful_ = true; }

 protected:
  std::size_t do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                         sql::RowSink sink) override;

 private:
  class Nonblocking;
  [[nodiscard]] Result run(const sql::Statement& statement, std::initializer_list<sql::Arg> args);
  const std::string& prepare(const sql::Statement& statement);
  [[nodiscard]] Result finish(int sent, const std::string& statement);
  [[noreturn]] void fail(const PGresult* result, const std::string& statement);

  PGconn* handle_;
  const std::vector<std::string>& texts_;
  Plans plans_;
  Duration patience_;
  const platform::WakeUp* stop_;
  Owner owner_ = Owner::sqlq;
  std::vector<std::string> prepared_{};  // names, by Statement::index; empty: not yet
  bool spoiled_ = false;
  bool doubtful_ = false;
};

}  // namespace sqlq::postgres
