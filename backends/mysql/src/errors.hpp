#pragma once
/// \file
/// Error numbers of MySQL, MariaDB and the client library as classes of trouble.

#include <string>
#include <string_view>

#include <mysql.h>

#include <sqlq/error.hpp>

namespace sqlq::mysql {

inline constexpr int duplicate_entry = 1062;

/// `text` is the server's; only a few numbers mean one thing or another depending on it.
[[nodiscard]] Errc classify(unsigned number, std::string_view text) noexcept;

/// Whose connection reports it: one of the library's own, or one that the caller has lent for a call.
enum class Whose { ours, lent };

/// Which server it is, for messages: "MariaDB" or "MySQL", or both while it has not said so.
[[nodiscard]] std::string_view product_of(MYSQL* connection) noexcept;

/// Throws the `Error` for it, with what to do. The server's own text is passed on only where it has no values in it.
[[noreturn]] void raise(unsigned number, std::string_view text, const std::string& statement,
                        Whose whose = Whose::ours, std::string_view product = "MySQL");
/// The same for the last error of the connection.
[[noreturn]] void raise(MYSQL* connection, const std::string& statement, Whose whose = Whose::ours);
/// The same for a connection that could not be opened; `place` is where to.
[[noreturn]] void raise_connect(unsigned number, std::string_view text, const std::string& place);

/// Throws invalid_argument.
[[noreturn]] inline void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what, "mysql"); }

}  // namespace sqlq::mysql
