#include "soci_bridge.hpp"

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

namespace sqlq::postgres {

PGconn* handle_of(soci::session& session) {
  if (session.get_backend() == nullptr || session.get_backend_name() != "postgresql") return nullptr;
  return static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

}  // namespace sqlq::postgres
