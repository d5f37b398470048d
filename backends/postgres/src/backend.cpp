#include <sqlq/postgres.hpp>

#include <utility>

#include "options.hpp"
#include "server.hpp"

namespace sqlq::postgres {

backend::Factory factory() {
  return [](const backend::Url& url, const std::shared_ptr<Clock>& clock) -> std::unique_ptr<backend::Dialect> {
    Options options = Options::from(url);
    const sql::PoolOptions pool = options.pool;
    return sql::make_server_dialect(std::make_unique<PgServer>(std::move(options)), pool, clock);
  };
}

void register_schemes() {
  backend::register_builtin("postgresql", factory());
  backend::register_builtin("postgres", factory());
}

}  // namespace sqlq::postgres
