// The conformance suite on a backend of your own.

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include <unistd.h>

#include <sqlq/backend/register.hpp>
#include <sqlq/conformance/suite.hpp>
#include <sqlq/sqlite.hpp>

namespace {

using sqlq::backend::Url;

std::unique_ptr<sqlq::backend::Dialect> open_duck(const Url& url, std::shared_ptr<sqlq::Clock> clock) {
  url.refuse_unknown({});  // in the braces the options that yours has
  // Yours: return std::make_unique<DuckDialect>(url, std::move(clock));
  return sqlq::sqlite::factory()(Url::parse("sqlite::memory:"), std::move(clock));
}

// A name that no other scratch database has, of this process or another.
std::string scratch(const std::string& test) {
  static std::atomic<int> made = 0;
  return "duck://" + test + "_" + std::to_string(getpid()) + "_" + std::to_string(++made);
}

// Called once a test.
sqlq::conformance::Backend duck() {
  sqlq::backend::register_backend("duck", open_duck);
  return {.create = scratch, .drop = [](const std::string& url) { static_cast<void>(url); }};
}

}  // namespace

SQLQ_CONFORMANCE(Duck, duck);
