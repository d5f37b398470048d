// What the author of a backend compiles: the installed suite against a backend, here one of ours by public means.

#include <filesystem>

#include <sqlq/backend/register.hpp>
#include <sqlq/conformance/suite.hpp>
#include <sqlq/sqlite.hpp>

namespace {

sqlq::conformance::Backend in_memory() {
  sqlq::backend::register_backend("consumer", [](const sqlq::backend::Url&, std::shared_ptr<sqlq::Clock> clock) {
    return sqlq::sqlite::factory()(sqlq::backend::Url::parse("sqlite::memory:"), std::move(clock));
  });
  return {.create = [](const std::string&) { return std::string("consumer::memory:"); },
          .drop = [](const std::string&) {}};
}

}  // namespace

SQLQ_CONFORMANCE(consumer, in_memory);
