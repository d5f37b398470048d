#pragma once
/// \file
/// The SQLite backend: borrowing a native handle, and what programs need that link single backends.
///
/// URLs: `sqlite:rel.db`, `sqlite://rel.db`, `sqlite:///absolute.db`, `sqlite::memory:`. Options, limits and advice are
/// in share/doc/sqlq/backends/sqlite/README.md. <sqlite3.h> is not needed here.

#include <string_view>

#include <sqlq/backend/register.hpp>
#include <sqlq/export.hpp>
#include <sqlq/tx.hpp>

struct sqlite3;

namespace sqlq::sqlite {

/// The type name of native handles.
inline constexpr std::string_view handle_type = "sqlite3";

/// The user's own connection, inside a transaction he began (tx.hpp). It must be open on the same file as the
/// `Database` it is used with. Nothing of it is changed but the rows written.
[[nodiscard]] inline Tx borrow(sqlite3* connection) noexcept { return {handle_type, connection}; }

/// Makes "sqlite:" URLs open through this backend, unless something was registered for them.
/// `sqlq::open` does it; a program that links single backends calls it once and then `backend::open`. Thread-safe.
SQLQ_API void register_schemes();

/// For `backend::register_backend` under another scheme.
[[nodiscard]] SQLQ_API backend::Factory factory();

}  // namespace sqlq::sqlite
