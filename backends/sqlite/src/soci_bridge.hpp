#pragma once
/// \file
/// A SOCI session that a user lends us. The .cpp is the only place that includes <soci-sqlite3.h>, which puts SQLite's
/// own header into a namespace; so the handle crosses as void*.

namespace soci {
class session;
}

namespace sqlq::sqlite {

/// The sqlite3* behind a user's session; null when the session is of another backend.
[[nodiscard]] void* handle_of(soci::session& session);

}  // namespace sqlq::sqlite
