#include "options.hpp"

#include <algorithm>
#include <array>

#include <sqlq/error.hpp>

namespace sqlq::postgres {
namespace {

using std::chrono::hours, std::chrono::milliseconds, std::chrono::seconds;

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what, "postgres"); }

/// Handed to libpq as they are.
constexpr std::array passed_on{"sslmode", "sslrootcert", "sslcert",         "sslkey",   "sslpassword",
                               "sslcrl",  "passfile",    "channel_binding", "gssencmode"};

std::string count_of(Duration d, Duration unit) { return std::to_string((d + unit - Duration(1)) / unit); }

void read_authority(const backend::Url& url, Options& o) {
  if (!url.has_authority()) refuse("the URL names no server: write postgresql://user@host/database");
  const auto authority = url.authority();
  if (!authority.user.empty()) o.keywords.emplace_back("user", authority.user);
  if (authority.password) o.keywords.emplace_back("password", *authority.password);
  if (!authority.path.empty()) o.keywords.emplace_back("dbname", authority.path);
  const auto port = url.integer("port", 0, 0, 65535);
  for (const auto& [host, own] : authority.hosts) {
    const auto chosen = own != 0 ? own : static_cast<int>(port);
    o.hosts.emplace_back(host, chosen != 0 ? std::to_string(chosen) : std::string());
  }
  const auto host = url.option("host");
  const bool named = std::ranges::any_of(o.hosts, [](const auto& h) { return !h.first.empty(); });
  if (host && named) refuse("the URL names servers twice: before the path and in the option 'host'");
  if (host) o.hosts = {{*host, o.hosts.empty() ? std::string() : o.hosts.front().second}};
  if (o.hosts.empty()) o.hosts.emplace_back();
  if (o.hosts.front().second.empty() && port != 0 && !named) o.hosts.front().second = std::to_string(port);
}

void read_network(const backend::Url& url, Options& o) {
  o.connect_timeout = url.duration("connect_timeout", o.connect_timeout, milliseconds(100), hours(1));
  o.statement_timeout = url.duration("statement_timeout", o.statement_timeout, milliseconds(1), hours(24));
  o.lock_timeout = url.duration("lock_timeout", o.lock_timeout, milliseconds(1), hours(1));
  o.idle_timeout = url.duration("idle_in_transaction_session_timeout", o.idle_timeout, milliseconds(1), hours(1));
  const auto keep = [&](const char* name, Duration otherwise, Duration unit) {
    o.keywords.emplace_back(name, count_of(url.duration(name, otherwise, unit, hours(24)), unit));
  };
  o.keywords.emplace_back("keepalives", url.flag("keepalives", true) ? "1" : "0");
  keep("keepalives_idle", seconds(30), seconds(1));
  keep("keepalives_interval", seconds(10), seconds(1));
  o.keywords.emplace_back("keepalives_count", std::to_string(url.integer("keepalives_count", 3, 1, 100)));
  keep("tcp_user_timeout", seconds(10), milliseconds(1));
}

std::string read_schema(const backend::Url& url) {
  std::string schema = url.option("schema").value_or("public");
  const bool control = std::ranges::any_of(schema, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (schema.empty() || schema.size() > 63 || control) {
    refuse("the option 'schema' must be 1 to 63 bytes without control characters");
  }
  return schema;
}

}  // namespace

Options Options::from(const backend::Url& url) {
  url.refuse_unknown({"application_name",
                      "channel_binding",
                      "connect_timeout",
                      "gssencmode",
                      "host",
                      "idle_in_transaction_session_timeout",
                      "keepalives",
                      "keepalives_count",
                      "keepalives_idle",
                      "keepalives_interval",
                      "lock_timeout",
                      "passfile",
                      "pool",
                      "pool_wait",
                      "pooled",
                      "port",
                      "schema",
                      "sslcert",
                      "sslcrl",
                      "sslkey",
                      "sslmode",
                      "sslpassword",
                      "sslrootcert",
                      "statement_timeout",
                      "target_session_attrs",
                      "tcp_user_timeout",
                      "watch"});
  Options o;
  read_authority(url, o);
  read_network(url, o);
  for (const char* name : passed_on) {
    if (auto value = url.option(name)) o.keywords.emplace_back(name, *std::move(value));
  }
  o.keywords.emplace_back("application_name", url.option("application_name").value_or("sqlq"));
  o.keywords.emplace_back("client_encoding", "UTF8");
  o.schema = read_schema(url);
  o.pooled = url.flag("pooled", o.pooled);
  o.watch = url.flag("watch", !o.pooled);
  if (o.watch && o.pooled) refuse("the options pooled and watch exclude each other: LISTEN needs a session of its own");
  o.writable = url.choice("target_session_attrs", "read-write", {"read-write", "primary", "any"}) != "any";
  o.pool.size = static_cast<std::size_t>(url.integer("pool", static_cast<std::int64_t>(o.pool.size), 1, 1000));
  o.pool.wait = url.duration("pool_wait", o.pool.wait, milliseconds(1), hours(1));
  return o;
}

}  // namespace sqlq::postgres
