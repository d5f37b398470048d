#include <mysql.h>

#include "doom/dialects.hpp"
#include "options.hpp"
#include "server.hpp"
#include "trials/faulty_server.hpp"

namespace sqlq::doom {

std::unique_ptr<backend::Dialect> mysql_dialect(const backend::Url& url, Doom& doom) {
  static const int initialised = mysql_library_init(0, nullptr, nullptr);  // not thread-safe by itself
  static_cast<void>(initialised);
  mysql::Options options = mysql::Options::from(url);
  const sql::PoolOptions pool = options.pool;
  return sql::make_server_dialect(
      std::make_unique<trials::FaultyServer>(std::make_unique<mysql::MysqlServer>(std::move(options)), doom,
                                             [&doom](sql::Connection&) { doom.come(); }),
      pool);
}

}  // namespace sqlq::doom
