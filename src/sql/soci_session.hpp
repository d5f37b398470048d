#pragma once
/// \file
/// A session over SOCI, for connections of our own. Keeps each prepared statement for the connection's life.
///
/// SOCI 4.0.3 is used in the narrow way that is known to be sound: kept statements, every parameter bound by name to a
/// variable at a fixed address, scalar targets only, executed with data exchange and always read to the end, errors
/// without bound values. Whatever fails is dropped, never reused.

#include <memory>
#include <vector>

#include "sql/session.hpp"

namespace soci {
class session;
class soci_error;
}  // namespace soci

namespace sqlq::sql {

class SociSession final : public Session {
 public:
  /// Turns SOCI's error into ours. Gets the name of the statement.
  using Translate = void (*)(const soci::soci_error& error, const std::string& statement);

  SociSession(std::unique_ptr<soci::session> session, Translate translate);
  ~SociSession() override;

  [[nodiscard]] soci::session& native() noexcept { return *session_; }
  /// Forgets all prepared statements (they are made again when used).
  void drop_statements() noexcept;

 protected:
  std::size_t do_execute(const Statement& statement, std::initializer_list<Arg> args, RowSink sink) override;

 private:
  struct Kept;
  std::unique_ptr<soci::session> session_;
  Translate translate_;
  std::vector<std::unique_ptr<Kept>> kept_;  // by Statement::index; destroyed before the session
};

}  // namespace sqlq::sql
