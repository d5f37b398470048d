#pragma once
/// \file
/// From a SOCI session to libpq's handle. Its .cpp is the only place that includes SOCI's PostgreSQL header.

#include <libpq-fe.h>

namespace soci {
class session;
}

namespace sqlq::postgres {

/// The PGconn* behind a user's session; null when the session is of another backend.
[[nodiscard]] PGconn* handle_of(soci::session& session);

}  // namespace sqlq::postgres
