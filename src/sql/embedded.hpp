#pragma once
/// \file
/// A file of schema/<backend>, carried inside the program (cmake/EmbedSql.cmake). All files of its folder queries are
/// one, queries.sql.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace sqlq::sql {

struct EmbeddedFile {
  std::string_view name;  ///< "001_init.up.sql", "queries.sql"
  std::string_view text;
};

/// The pieces as one text: a string literal has a greatest length.
template <std::size_t... size>
[[nodiscard]] constexpr auto joined(const char (&... pieces)[size]) {
  std::array<char, (std::size_t{0} + ... + (size - 1))> text{};
  char* end = text.data();
  ((end = std::copy_n(pieces, size - 1, end)), ...);
  return text;
}

}  // namespace sqlq::sql
