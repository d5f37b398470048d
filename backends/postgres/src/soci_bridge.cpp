#include "soci_bridge.hpp"

#ifdef SQLQ_SOCI
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

namespace sqlq::postgres {

// Only what SOCI's headers define themselves: a program that links sqlq need not link SOCI.
PGconn* handle_of(soci::session& session) {
  soci::details::session_backend* const backend = session.get_backend();
  if (backend == nullptr || backend->get_backend_name() != "postgresql") return nullptr;
  return static_cast<soci::postgresql_session_backend*>(backend)->conn_;
}

}  // namespace sqlq::postgres
#else
#include <sqlq/error.hpp>

namespace sqlq::postgres {

PGconn* handle_of(soci::session&) {
  throw Error(Errc::configuration,
              "a soci::session cannot be borrowed: this sqlq was built without SOCI. Build it with -DSQLQ_SOCI=ON, or "
              "borrow the PGconn* behind the session",
              "postgres");
}

}  // namespace sqlq::postgres
#endif
