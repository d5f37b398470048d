#include <soci/postgresql/soci-postgresql.h>

#include <memory>
#include <string>
#include <vector>

#include "backends/postgres_scratch.hpp"
#include "backends/soci/session_user.hpp"

namespace sqlq::conformance {
namespace {

void* native_of(soci::details::session_backend& session) {
  return static_cast<soci::postgresql_session_backend&>(session).conn_;
}

}  // namespace

std::vector<Handle> soci_handles(NativeQuestions questions) {
  const auto open = [questions](const std::string& url) {
    auto user = std::make_unique<SociUser>(soci::postgresql, postgres::conninfo_of(url), native_of, questions);
    user->execute(postgres::search_path_of(url));
    return user;
  };
  return {{"soci::session", open}};
}

}  // namespace sqlq::conformance
