#pragma once
/// \file
/// A file of schema/<backend>, carried inside the program (cmake/EmbedSql.cmake).

#include <string_view>

namespace sqlq::sql {

struct EmbeddedFile {
  std::string_view name;  ///< "001_init.up.sql", "queries.sql"
  std::string_view text;
};

}  // namespace sqlq::sql
