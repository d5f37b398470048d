#include <sqlq/sqlite.hpp>

#include <utility>

#include "dialect.hpp"
#include "operations.hpp"
#include "runner.hpp"
#include "sql/sql_dialect.hpp"

namespace sqlq::sqlite {

std::unique_ptr<backend::Dialect> make_dialect(Options options, std::shared_ptr<Clock> clock) {
  auto runner = std::make_unique<Runner>(std::move(options), clock);
  auto dialect = std::make_unique<sql::SqlDialect>(std::make_unique<Operations>(), std::move(runner), std::move(clock));
  static_cast<void>(dialect->migration_status());
  return dialect;
}

backend::Factory factory() {
  return [](const backend::Url& url, std::shared_ptr<Clock> clock) -> std::unique_ptr<backend::Dialect> {
    return make_dialect(Options::from(url), std::move(clock));
  };
}

void register_schemes() {
  backend::register_builtin("sqlite", factory(), "sqlite:///folder/file.db");
}

}  // namespace sqlq::sqlite
