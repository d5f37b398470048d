#pragma once
/// \file
/// PostgreSQL's SQLSTATEs as classes of trouble.

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include <sqlq/error.hpp>

namespace sqlq::postgres {

/// Whose connection it was on: what can be done about an error is not the same.
enum class Owner { sqlq, user };

/// Of a five-character SQLSTATE; empty: the connection broke without one.
[[nodiscard]] Errc classify(std::string_view sqlstate) noexcept;

/// A SQLSTATE as the number that Error::native_code carries: its five characters read with base 36. 0 for none.
[[nodiscard]] int native_code(std::string_view sqlstate) noexcept;

/// The error for a SQLSTATE and the server's primary message, with what to do. Texts that may quote values are left
/// out.
[[nodiscard]] Error make_error(std::string_view sqlstate, std::string_view message, const std::string& statement,
                               Owner owner = Owner::sqlq);

/// The error of a failed result; `connection` says more when it broke.
[[nodiscard]] Error error_of(const PGresult* result, const PGconn* connection, const std::string& statement,
                             Owner owner = Owner::sqlq);

/// The SQLSTATE of a result; empty if it has none.
[[nodiscard]] std::string_view sqlstate_of(const PGresult* result) noexcept;

}  // namespace sqlq::postgres
