#pragma once
/// \file
/// A user who works with a soci::session. Each database says how it is opened and where its native handle is.

#include <string>
#include <utility>

#include <soci/soci.h>

#include "backends/soci/user.hpp"

namespace sqlq::conformance {

class SociUser final : public UserConnection {
 public:
  using Native = void* (*)(soci::details::session_backend&);
  SociUser(const soci::backend_factory& factory, const std::string& words, Native its_native, NativeQuestions questions)
      : session_(factory, words), native_(its_native), questions_(questions) {}

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
  void* native() { return native_(*session_.get_backend()); }

  soci::session session_;
  Native native_;
  NativeQuestions questions_;
};

}  // namespace sqlq::conformance
