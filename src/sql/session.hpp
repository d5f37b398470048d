#pragma once
/// \file
/// The one narrow call through which every statement goes: `Session::execute`.
///
/// Each backend implements it over its native handle, for connections of our own and for those borrowed from the user.
/// The operations of a backend are written once against this interface.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include <sqlq/export.hpp>

#include "core/function_ref.hpp"
#include "sql/statement.hpp"

namespace sqlq::sql {

/// A text that is no characters but bytes.
struct Bytes {
  std::string_view data;
};
using Scalar = std::variant<std::nullptr_t, std::int64_t, std::string_view, Bytes>;

/// Values, or rows of the same width, for a parameter of type `list`: `1, 2` or `(1, 'a'), (2, NULL)`. Never empty.
/// Only sessions that splice values into the text take lists.
struct List {
  std::size_t width = 1;
  std::vector<Scalar> values{};
  [[nodiscard]] std::size_t rows() const noexcept { return values.size() / width; }
};

using Value = std::variant<std::nullptr_t, std::int64_t, std::string_view, Bytes, const List*>;

/// A value for a named parameter. Texts, bytes and lists are borrowed until the call returns.
struct Arg {
  const char* name;
  Value value;

  // Of any signed type: 64 bits are `long` to some standard libraries, and `long long` to others on the same system.
  template <class Integer>
    requires(std::signed_integral<Integer> || std::same_as<Integer, bool>)
  constexpr Arg(const char* n, Integer v) : name(n), value(std::int64_t{v}) {}
  constexpr Arg(const char* n, std::string_view v) : name(n), value(v) {}
  constexpr Arg(const char* n, Bytes v) : name(n), value(v) {}
  constexpr Arg(const char* n, std::nullptr_t) : name(n), value(nullptr) {}
  constexpr Arg(const char* n, const List& v) : name(n), value(&v) {}
  template <class T>
  constexpr Arg(const char* n, const std::optional<T>& v) : name(n), value(nullptr) {
    if (v) value = Arg(n, *v).value;
  }
};

/// One row of a result; valid until the callback returns. Columns count from 0 in the declared order.
class Row {
 public:
  [[nodiscard]] virtual bool null(std::size_t column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(std::size_t column) const = 0;
  [[nodiscard]] virtual std::string_view text(std::size_t column) const = 0;

 protected:
  ~Row() = default;
};

/// Reads a row's columns one after the other.
class Fields {
 public:
  explicit Fields(const Row& row) : row_(row) {}
  std::int64_t integer() { return row_.integer(column_++); }
  std::string_view text() { return row_.text(column_++); }
  std::optional<std::int64_t> maybe_integer() {
    const auto c = column_++;
    return row_.null(c) ? std::nullopt : std::optional(row_.integer(c));
  }
  /// Empty for NULL.
  std::string_view maybe_text() {
    const auto c = column_++;
    return row_.null(c) ? std::string_view{} : row_.text(c);
  }

 private:
  const Row& row_;
  std::size_t column_ = 0;
};

using RowSink = core::FunctionRef<void(const Row&)>;

/// One connection's statements. Not thread-safe: one thread at a time.
class SQLQ_API Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  /// Runs the statement to its end; each row goes to `sink`. Arguments in the declared order; a wrong name, type or
  /// count is an Error(internal) before anything is sent. Returns the number of rows delivered or, for a statement
  /// that declares no columns, of rows changed. Errors of the database become classified `Error`s with the statement's
  /// name and without values. An exception from `sink` ends the statement and goes on.
  std::size_t execute(const Statement& statement, std::initializer_list<Arg> args, RowSink sink);
  std::size_t execute(const Statement& statement, std::initializer_list<Arg> args = {});

  /// How many bytes a statement may have with its values in it, for who cuts batches to fit.
  [[nodiscard]] virtual std::size_t longest_statement() const noexcept {
    return std::numeric_limits<std::size_t>::max();
  }

  /// The first column of the first row; empty without a row or for NULL.
  std::optional<std::int64_t> integer(const Statement& statement, std::initializer_list<Arg> args = {});

 protected:
  virtual std::size_t do_execute(const Statement& statement, std::initializer_list<Arg> args, RowSink sink) = 0;
};

}  // namespace sqlq::sql
