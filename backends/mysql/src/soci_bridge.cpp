#include "soci_bridge.hpp"

#include "sql/soci_handle.hpp"

#ifdef SQLQ_SOCI
#include <soci/mysql/soci-mysql.h>
#include <soci/soci.h>

namespace sqlq::mysql {

MYSQL* handle_of(soci::session& session) {
  return sql::soci_handle<soci::mysql_session_backend>(session, "mysql");
}

}  // namespace sqlq::mysql
#else
namespace sqlq::mysql {

MYSQL* handle_of(soci::session&) { sql::built_without_soci("MYSQL*", "mysql"); }

}  // namespace sqlq::mysql
#endif
