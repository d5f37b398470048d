#include <sqlq/sqlite.hpp>

#include <utility>

#include "dialect.hpp"

namespace sqlq::sqlite {

backend::Factory factory() {
  return [](const backend::Url& url, std::shared_ptr<Clock> clock) -> std::unique_ptr<backend::Dialect> {
    return std::make_unique<SqliteDialect>(Options::from(url), std::move(clock));
  };
}

void register_schemes() {
  backend::register_builtin("sqlite", factory(), "sqlite:///folder/file.db");
}

}  // namespace sqlq::sqlite
