#include <soci/mysql/soci-mysql.h>
#include <soci/soci.h>

#include <memory>
#include <string>
#include <vector>

#include <sqlq/backend/url.hpp>

#include "backends/soci/user.hpp"

namespace sqlq::conformance {
namespace {

std::string words_of(const std::string& url) {
  const auto at = backend::Url::parse(url).authority();
  std::string text = "host=" + at.hosts.at(0).first + " port=" + std::to_string(at.hosts.at(0).second) +
                     " db=" + at.path + " user=" + at.user + " charset=utf8mb4";
  if (at.password) text += " password=" + *at.password;
  return text;
}

class SociUser final : public UserConnection {
 public:
  SociUser(const std::string& url, NativeQuestions questions)
      : session_(soci::mysql, words_of(url)), questions_(questions) {}

  void execute(const std::string& sql) override { session_ << sql; }
  std::int64_t query_int(const std::string& sql) override {
    long long value = 0;
    session_ << sql, soci::into(value);
    return value;
  }
  bool in_transaction() override { return questions_.in_transaction(native()); }
  std::string settings() override { return questions_.settings(native()); }
  Tx tx() override { return borrow(session_); }

 private:
  void* native() { return static_cast<soci::mysql_session_backend*>(session_.get_backend())->conn_; }

  soci::session session_;
  NativeQuestions questions_;
};

}  // namespace

std::vector<Handle> soci_handles(NativeQuestions questions) {
  const auto open = [questions](const std::string& url) { return std::make_unique<SociUser>(url, questions); };
  return {{"soci::session", open}};
}

}  // namespace sqlq::conformance
