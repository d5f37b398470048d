// The conformance suite on a backend of your own.

#include <memory>
#include <string>
#include <utility>

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

// Called once a test. Each scratch database has a name that no other has, of this or of another process.
sqlq::conformance::Backend duck() {
  sqlq::backend::register_backend("duck", open_duck);
  return {.create = [](const std::string& test) { return "duck://" + test; },
          .drop = [](const std::string& url) { static_cast<void>(url); }};
}

}  // namespace

SQLQ_CONFORMANCE(Duck, duck);
