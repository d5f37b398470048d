#pragma once
/// \file
/// Gets the native handle out of a user's SOCI session. Its .cpp is the only place that knows SOCI.

#include <mysql.h>

namespace soci {
class session;
}

namespace sqlq::mysql {

/// The MYSQL* behind a user's session; null when the session is of another backend.
[[nodiscard]] MYSQL* handle_of(soci::session& session);

}  // namespace sqlq::mysql
