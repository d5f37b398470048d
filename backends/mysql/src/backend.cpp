#include <mysql.h>

#include <sqlq/mysql.hpp>

#include "server.hpp"

namespace sqlq::mysql {

backend::Factory factory() {
  return [](const backend::Url& url, const std::shared_ptr<Clock>& clock) -> std::unique_ptr<backend::Dialect> {
    static const int initialised = mysql_library_init(0, nullptr, nullptr);  // not thread-safe by itself
    static_cast<void>(initialised);
    Options options = Options::from(url);
    const sql::PoolOptions pool = options.pool;
    return sql::make_server_dialect(std::make_unique<MysqlServer>(std::move(options)), pool, clock);
  };
}

void register_schemes() {
  backend::register_builtin("mysql", factory(), "mysql://user:password@host:3306/database");
  backend::register_builtin("mariadb", factory(), "mariadb://user:password@host:3306/database");
}

}  // namespace sqlq::mysql
