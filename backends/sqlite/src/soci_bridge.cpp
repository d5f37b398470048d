#include "soci_bridge.hpp"

#include "sql/soci_handle.hpp"

#ifdef SQLQ_SOCI
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

namespace sqlq::sqlite {

void* handle_of(soci::session& session) {
  return sql::soci_handle<soci::sqlite3_session_backend>(session, "sqlite3");
}

}  // namespace sqlq::sqlite
#else
namespace sqlq::sqlite {

void* handle_of(soci::session&) { sql::built_without_soci("sqlite3*", "sqlite"); }

}  // namespace sqlq::sqlite
#endif
