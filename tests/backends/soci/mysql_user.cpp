#include <soci/mysql/soci-mysql.h>

#include <memory>
#include <string>
#include <vector>

#include <sqlq/backend/url.hpp>

#include "backends/soci/session_user.hpp"

namespace sqlq::conformance {
namespace {

std::string words_of(const std::string& url) {
  const auto at = backend::Url::parse(url).authority();
  std::string text = "host=" + at.hosts.at(0).first + " port=" + std::to_string(at.hosts.at(0).second) +
                     " db=" + at.path + " user=" + at.user + " charset=utf8mb4";
  if (at.password) text += " password=" + *at.password;
  return text;
}

void* native_of(soci::details::session_backend& session) {
  return static_cast<soci::mysql_session_backend&>(session).conn_;
}

}  // namespace

std::vector<Handle> soci_handles(NativeQuestions questions) {
  const auto open = [questions](const std::string& url) {
    return std::make_unique<SociUser>(soci::mysql, words_of(url), native_of, questions);
  };
  return {{"soci::session", open}};
}

}  // namespace sqlq::conformance
