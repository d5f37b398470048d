#pragma once
/// \file
/// A named statement of a catalogue: its text and the declared types of its parameters and columns.

#include <cstddef>
#include <string>
#include <vector>

namespace sqlq::sql {

enum class Type { integer, text };

/// A parameter or a column.
struct Field {
  std::string name;
  Type type = Type::integer;
  bool nullable = false;
};

/// Parameters are written `:name` in the text. Statements live as long as their catalogue and do not move.
struct Statement {
  std::string name;
  std::string text;
  std::vector<Field> params;
  std::vector<Field> columns;  ///< empty: returns no rows
  std::size_t index = 0;       ///< position in the catalogue: sessions keep prepared statements by it
};

}  // namespace sqlq::sql
