#pragma once
/// \file
/// The PostgreSQL backend: borrowing a native handle, and the factory for programs that link single backends.
///
/// URLs: `postgresql://user:password@host:port,host:port/database?option=value`, `postgres://...`. Options, limits and
/// advice are in the README of the backend. <libpq-fe.h> is not needed here.

#include <string_view>

#include <sqlq/backend/register.hpp>
#include <sqlq/tx.hpp>

struct pg_conn;

namespace sqlq::postgres {

/// The type name of native handles (PGconn is libpq's other name of pg_conn).
inline constexpr std::string_view handle_type = "PGconn";

/// The user's own connection, inside a transaction he began (tx.hpp), to the same database as the `Database` it is used
/// with; its search_path does not matter, its client_encoding must be UTF8. Nothing of it is changed but the rows
/// written, and no prepared statement stays on it. Commit it soon: the rows it touched are locked until then.
[[nodiscard]] inline Tx borrow(pg_conn* connection) noexcept { return {handle_type, connection}; }

/// For `backend::register_backend("postgresql", postgres::factory())`; the umbrella library does it by itself.
[[nodiscard]] backend::Factory factory();

}  // namespace sqlq::postgres
