#include "soci_bridge.hpp"

#ifdef SQLQ_SOCI
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

namespace sqlq::sqlite {

// Only what SOCI's headers define themselves: who links sqlq need not link SOCI.
void* handle_of(soci::session& session) {
  soci::details::session_backend* const backend = session.get_backend();
  if (backend == nullptr || backend->get_backend_name() != "sqlite3") return nullptr;
  return static_cast<soci::sqlite3_session_backend*>(backend)->conn_;
}

}  // namespace sqlq::sqlite
#else
#include <sqlq/error.hpp>

namespace sqlq::sqlite {

void* handle_of(soci::session&) {
  throw Error(Errc::configuration,
              "a soci::session cannot be borrowed: this sqlq was built without SOCI. Build it with -DSQLQ_SOCI=ON, or "
              "borrow the sqlite3* behind the session",
              "sqlite");
}

}  // namespace sqlq::sqlite
#endif
