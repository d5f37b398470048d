#include "soci_bridge.hpp"

#include <soci/mysql/soci-mysql.h>
#include <soci/soci.h>

namespace sqlq::mysql {

MYSQL* handle_of(soci::session& session) {
  if (session.get_backend() == nullptr || session.get_backend_name() != "mysql") return nullptr;
  return static_cast<soci::mysql_session_backend*>(session.get_backend())->conn_;
}

}  // namespace sqlq::mysql
