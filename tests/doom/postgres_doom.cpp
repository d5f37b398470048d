#include "doom/dialects.hpp"
#include "options.hpp"
#include "server.hpp"
#include "trials/faulty_server.hpp"

namespace sqlq::doom {

std::unique_ptr<backend::Dialect> postgres_dialect(const backend::Url& url, Doom& doom) {
  postgres::Options options = postgres::Options::from(url);
  const sql::PoolOptions pool = options.pool;
  return sql::make_server_dialect(
      std::make_unique<trials::FaultyServer>(std::make_unique<postgres::PgServer>(std::move(options)), doom,
                                             [&doom](sql::Connection&) { doom.come(); }),
      pool);
}

}  // namespace sqlq::doom
