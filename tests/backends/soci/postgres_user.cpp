#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include <memory>
#include <string>
#include <vector>

#include "backends/postgres_scratch.hpp"
#include "backends/soci/user.hpp"

namespace sqlq::conformance {
namespace {

class SociUser final : public UserConnection {
 public:
  SociUser(const std::string& url, NativeQuestions questions)
      : session_(soci::postgresql, postgres::conninfo_of(url)), questions_(questions) {
    session_ << postgres::search_path_of(url);
  }

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
  void* native() { return static_cast<soci::postgresql_session_backend*>(session_.get_backend())->conn_; }

  soci::session session_;
  NativeQuestions questions_;
};

}  // namespace

std::vector<Handle> soci_handles(NativeQuestions questions) {
  const auto open = [questions](const std::string& url) { return std::make_unique<SociUser>(url, questions); };
  return {{"soci::session", open}};
}

}  // namespace sqlq::conformance
