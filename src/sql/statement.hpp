#pragma once
/// \file
/// A named statement of a catalogue: its text and the declared types of its parameters and columns.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace sqlq::sql {

/// A list is a parameter only: values or rows, spliced into the text by the sessions that can (session.hpp, List).
enum class Type { integer, text, list };

/// A parameter or a column.
struct Field {
  std::string name;
  Type type = Type::integer;
  bool nullable = false;
};

/// A piece of a statement's text and the parameter that follows it.
struct Piece {
  std::string text;
  std::optional<std::size_t> param;  ///< index in Statement::params; none behind the last piece
};

/// Parameters are written `:name` in the text. Statements live as long as their catalogue and do not move.
struct Statement {
  std::string name;
  std::string text;
  std::vector<Piece> pieces;  ///< the same text, cut at its parameters, for clients that know none by name
  std::vector<Field> params;
  std::vector<Field> columns;  ///< empty: returns no rows
  std::size_t index = 0;       ///< position in the catalogue: sessions keep prepared statements by it
};

}  // namespace sqlq::sql
