#include "soci_bridge.hpp"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <utility>

#include "errors.hpp"

namespace sqlq::sqlite {

std::unique_ptr<soci::session> adopt(void* handle) {
  // SOCI cannot adopt a handle and its own connection string can neither name every file nor set our options. So it
  // opens a private in-memory database, whose handle we exchange for ours: `conn_` is public and is all its state.
  auto session = std::make_unique<soci::session>(soci::sqlite3, "db=\":memory:\"");
  auto* backend = static_cast<soci::sqlite3_session_backend*>(session->get_backend());
  sqlite_api::sqlite3_close(std::exchange(backend->conn_, static_cast<sqlite_api::sqlite3*>(handle)));
  return session;
}

void* handle_of(soci::session& session) {
  if (session.get_backend() == nullptr || session.get_backend_name() != "sqlite3") return nullptr;
  return static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_;
}

void translate(const soci::soci_error& error, const std::string& statement) {
  const auto* native = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  raise(native != nullptr ? native->result() : SQLITE_ERROR, error.get_error_message(), statement);
}

}  // namespace sqlq::sqlite
