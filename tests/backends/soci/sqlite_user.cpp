#include <soci/sqlite3/soci-sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "backends/soci/session_user.hpp"

namespace sqlq::conformance {
namespace {

/// sqlite:///path?options as SOCI wants it.
std::string words_of(const std::string& url) {
  const std::string scheme = "sqlite://";
  return "db=" + url.substr(scheme.size(), url.find('?') - scheme.size()) + " timeout=5";
}

void* native_of(soci::details::session_backend& session) {
  return static_cast<soci::sqlite3_session_backend&>(session).conn_;
}

}  // namespace

std::vector<Handle> soci_handles(NativeQuestions questions) {
  const auto open = [questions](const std::string& url) {
    return std::make_unique<SociUser>(soci::sqlite3, words_of(url), native_of, questions);
  };
  return {{"soci::session", open}};
}

}  // namespace sqlq::conformance
