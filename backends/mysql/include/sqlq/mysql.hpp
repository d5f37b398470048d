#pragma once
/// \file
/// The MySQL and MariaDB backend: borrowing a native handle, and what programs need that link single backends.
///
/// URLs: `mysql://user:password@host:port/database` or `mariadb://...`; which server it is is asked, not guessed.
/// Options, limits and advice are in share/doc/sqlq/backends/mysql/README.md. <mysql.h> is not needed here.

#include <string_view>

#include <sqlq/backend/register.hpp>
#include <sqlq/export.hpp>
#include <sqlq/tx.hpp>

struct st_mysql;

namespace sqlq::mysql {

/// The type name of native handles.
inline constexpr std::string_view handle_type = "MYSQL";

/// The user's own connection (a MYSQL* of MariaDB Connector/C), inside a transaction he began (tx.hpp), to the server
/// that has the database of the `Database` it is used with; its own default database may be another one. Its character
/// set must be utf8mb4. Nothing of it is changed but the rows written.
[[nodiscard]] inline Tx borrow(st_mysql* connection) noexcept { return {handle_type, connection}; }

/// Makes "mysql:" and "mariadb:" URLs open through this backend, unless something was registered for them.
/// `sqlq::open` does it; a program that links single backends calls it once and then `backend::open`. Thread-safe.
SQLQ_API void register_schemes();

/// For `backend::register_backend` under another scheme.
[[nodiscard]] SQLQ_API backend::Factory factory();

}  // namespace sqlq::mysql
