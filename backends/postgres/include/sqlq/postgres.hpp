#pragma once
/// \file
/// The PostgreSQL backend: borrowing a native handle, and what programs need that link single backends.
///
/// URLs: `postgresql://user:password@host:port,host:port/database?option=value`, `postgres://...`. Options, limits and
/// advice are in share/doc/sqlq/backends/postgres/README.md. <libpq-fe.h> is not needed here.

#include <string_view>

#include <sqlq/backend/register.hpp>
#include <sqlq/export.hpp>
#include <sqlq/tx.hpp>

struct pg_conn;

namespace sqlq::postgres {

/// The type name of native handles (PGconn is libpq's other name of pg_conn).
inline constexpr std::string_view handle_type = "PGconn";

/// The user's own connection, inside a transaction he began (tx.hpp), to the same database as the `Database` it is used
/// with; its search_path does not matter, its client_encoding must be UTF8. Nothing of it is changed but the rows
/// written, and no prepared statement stays on it. Commit it soon: the rows it touched are locked until then.
[[nodiscard]] inline Tx borrow(pg_conn* connection) noexcept { return {handle_type, connection}; }

/// Makes "postgresql:" and "postgres:" URLs open through this backend, unless something was registered for them.
/// `sqlq::open` does it; a program that links single backends calls it once and then `backend::open`. Thread-safe.
SQLQ_API void register_schemes();

/// For `backend::register_backend` under another scheme.
[[nodiscard]] SQLQ_API backend::Factory factory();

}  // namespace sqlq::postgres
