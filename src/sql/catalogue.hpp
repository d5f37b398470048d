#pragma once
/// \file
/// Reads the files of a folder schema/<backend>/queries as one text: statements with a header of comments.
///
///     -- name: peek
///     -- params: lane int, n int
///     -- returns: seq int, key text?
///     -- Any other comment is for people.
///     SELECT ...
///
/// A statement ends where the next `-- name:` begins. Comment lines are not sent to the database. Types are `int`
/// (64 bits) and `text`; `?` allows NULL. A parameter may also be a `list` (session.hpp).
///
/// Text that several statements share is a piece, which stands before them (all.sql is the first file); `expand` puts
/// it, as one line, wherever `{its name}` is, in headers too:
///
///     -- piece: first_jobs
///     SELECT j.seq, j.key FROM jobs j
///      ORDER BY j.seq

#include <deque>
#include <span>
#include <string>
#include <string_view>

#include <sqlq/export.hpp>

#include "sql/statement.hpp"

namespace sqlq::sql {

/// The text that replaces `{name}` in SQL.
struct Substitution {
  std::string_view name;
  std::string text;
};

/// Replaces each `{name}`: tables that live where the user wants them, and the text's own pieces, which it takes out.
/// Error(internal) for a name that is not given, and for a piece whose name is taken.
[[nodiscard]] SQLQ_API std::string expand(std::string_view text, std::span<const Substitution> substitutions);

/// Immutable after construction; usable from all threads.
class SQLQ_API Catalogue {
 public:
  /// Throws Error(internal) naming the line for anything malformed, for duplicates, and for parameters in the text that
  /// are not declared or declared and not in the text.
  explicit Catalogue(std::string_view text);

  /// Throws Error(internal) for an unknown name.
  [[nodiscard]] const Statement& operator[](std::string_view name) const;
  [[nodiscard]] const std::deque<Statement>& all() const noexcept { return statements_; }

 private:
  std::deque<Statement> statements_;
};

}  // namespace sqlq::sql
