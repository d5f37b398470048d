#include "soci_bridge.hpp"

#include "sql/soci_handle.hpp"

#ifdef SQLQ_SOCI
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

namespace sqlq::postgres {

PGconn* handle_of(soci::session& session) {
  return sql::soci_handle<soci::postgresql_session_backend>(session, "postgresql");
}

}  // namespace sqlq::postgres
#else
namespace sqlq::postgres {

PGconn* handle_of(soci::session&) { sql::built_without_soci("PGconn*", "postgres"); }

}  // namespace sqlq::postgres
#endif
