#pragma once
/// \file
/// SQLite's result codes as classes of trouble.

#include <string>
#include <string_view>

#include <sqlq/error.hpp>

namespace sqlq::sqlite {

/// Of an extended result code; `message` is SQLite's (it never has values).
[[nodiscard]] Errc classify(int extended_code, std::string_view message) noexcept;

/// Throws the `Error` for it, with what to do.
[[noreturn]] void raise(int extended_code, std::string_view message, const std::string& statement);

}  // namespace sqlq::sqlite
