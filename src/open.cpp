#include <mutex>
#include <utility>

#include <sqlq/backend/register.hpp>
#include <sqlq/database.hpp>

namespace sqlq {

/// Made by the build: which backends there are differs between the libraries that have this file in them.
void register_builtin_backends();

Database open(std::string_view url, DatabaseOptions options) {
  static std::once_flag once;
  std::call_once(once, register_builtin_backends);
  return backend::open(url, std::move(options));
}

}  // namespace sqlq
