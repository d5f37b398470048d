#pragma once
/// \file
/// Between SOCI's SQLite backend and the native handle. Its .cpp is the only place that includes <soci-sqlite3.h>,
/// which puts SQLite's own header into a namespace; so the handle crosses as void*.

#include <memory>
#include <string>

namespace soci {
class session;
class soci_error;
}  // namespace soci

namespace sqlq::sqlite {

/// A SOCI session that works on `handle` (a sqlite3*) and closes it when destroyed.
[[nodiscard]] std::unique_ptr<soci::session> adopt(void* handle);

/// The sqlite3* behind a user's session; null when the session is of another backend.
[[nodiscard]] void* handle_of(soci::session& session);

/// Throws the classified Error.
void translate(const soci::soci_error& error, const std::string& statement);

}  // namespace sqlq::sqlite
