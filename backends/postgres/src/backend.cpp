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
  const std::string form = "postgresql://user:password@host:5432/database";
  backend::register_builtin("postgresql", factory(), form);
  backend::register_builtin("postgres", factory(), form);
}

}  // namespace sqlq::postgres
