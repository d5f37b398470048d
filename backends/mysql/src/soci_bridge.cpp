#include "soci_bridge.hpp"

#ifdef SQLQ_SOCI
#include <soci/mysql/soci-mysql.h>
#include <soci/soci.h>

namespace sqlq::mysql {

// Only what SOCI's headers define themselves: a program that links sqlq need not link SOCI.
MYSQL* handle_of(soci::session& session) {
  soci::details::session_backend* const backend = session.get_backend();
  if (backend == nullptr || backend->get_backend_name() != "mysql") return nullptr;
  return static_cast<soci::mysql_session_backend*>(backend)->conn_;
}

}  // namespace sqlq::mysql
#else
#include <sqlq/error.hpp>

namespace sqlq::mysql {

MYSQL* handle_of(soci::session&) {
  throw Error(Errc::configuration,
              "a soci::session cannot be borrowed: this sqlq was built without SOCI. Build it with -DSQLQ_SOCI=ON, or "
              "borrow the MYSQL* behind the session",
              "mysql");
}

}  // namespace sqlq::mysql
#endif
