#include "soci_bridge.hpp"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

namespace sqlq::sqlite {

void* handle_of(soci::session& session) {
  if (session.get_backend() == nullptr || session.get_backend_name() != "sqlite3") return nullptr;
  return static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_;
}

}  // namespace sqlq::sqlite
