#include "options.hpp"

#include <algorithm>
#include <string_view>

#include "errors.hpp"

namespace sqlq::mysql {
namespace {

/// These would be taken for quotes or parameters where the name stands in a statement.
bool is_plain(std::string_view name) {
  return std::ranges::all_of(name, [](unsigned char c) {
    return c >= 0x20 && std::string_view("`'\":{}\\;").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

bool is_prefix(std::string_view prefix) {
  return prefix.size() <= 32 && !prefix.starts_with("sqlq") && std::ranges::all_of(prefix, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Options::Tls read_tls(const backend::Url& url) {
  const std::string word = url.choice("tls", "prefer", {"off", "prefer", "require", "verify"});
  if (word == "off") return Options::Tls::off;
  if (word == "prefer") return Options::Tls::prefer;
  return word == "require" ? Options::Tls::require : Options::Tls::verify;
}

}  // namespace

Options Options::from(const backend::Url& url) {
  url.refuse_unknown({"prefix", "socket", "tls", "ca", "cert", "key", "connect_timeout", "read_timeout",
                      "statement_timeout", "lock_timeout", "idle_transaction_timeout", "pool", "pool_wait"});
  const auto authority = url.authority();
  Options o;
  o.user = authority.user;
  o.password = authority.password.value_or("");
  o.hosts = authority.hosts;
  o.socket = url.option("socket").value_or("");
  if (o.hosts.empty()) o.hosts.emplace_back("127.0.0.1", 0);
  o.database = authority.path;
  if (o.database.empty()) refuse("the URL names no database: write mysql://user@host/database");
  if (!is_plain(o.database)) refuse("the database's name has quotes, colons, braces or the like: use a plainer one");
  o.prefix = url.option("prefix").value_or("");
  if (!is_prefix(o.prefix)) {
    refuse("option 'prefix' must be at most 32 of a-z, 0-9 and _, and must not begin with sqlq");
  }
  o.tls = read_tls(url);
  o.ca = url.option("ca").value_or("");
  o.cert = url.option("cert").value_or("");
  o.key = url.option("key").value_or("");
  using std::chrono::hours, std::chrono::milliseconds, std::chrono::seconds;
  o.connect_timeout = url.duration("connect_timeout", o.connect_timeout, seconds(1), hours(1));
  o.read_timeout = url.duration("read_timeout", o.read_timeout, seconds(2), hours(1));
  o.statement_timeout = url.duration("statement_timeout", o.statement_timeout, seconds(1), hours(1));
  o.lock_timeout = url.duration("lock_timeout", o.lock_timeout, seconds(1), hours(1));
  if (o.read_timeout <= o.lock_timeout || o.read_timeout <= o.statement_timeout) {
    refuse("option 'read_timeout' must be longer than 'statement_timeout' and 'lock_timeout': else the connection is "
           "given up before the server has given up");
  }
  o.pool.size = static_cast<std::size_t>(url.integer("pool", 8, 1, 1000));
  o.pool.wait = url.duration("pool_wait", o.pool.wait, milliseconds(1), hours(1));
  if (url.option("idle_transaction_timeout")) {
    o.idle_transaction_timeout = url.duration("idle_transaction_timeout", seconds(0), seconds(1), hours(1));
  }
  // MySQL closes those that have been idle for longer (connection.cpp).
  o.pool.idle_lifetime = std::min(o.idle_transaction_timeout.value_or(idle_on_mysql), idle_connections) * 3 / 4;
  return o;
}

}  // namespace sqlq::mysql
