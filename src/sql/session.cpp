#include "sql/session.hpp"

#include <string>

#include <sqlq/error.hpp>

namespace sqlq::sql {
namespace {

bool fits(const Field& field, const Arg& arg) {
  if (field.name != arg.name) return false;
  if (std::holds_alternative<std::nullptr_t>(arg.value)) return field.nullable;
  if (const auto* list = std::get_if<const List*>(&arg.value)) {
    return field.type == Type::list && (*list)->rows() > 0 && (*list)->values.size() % (*list)->width == 0;
  }
  return field.type == (std::holds_alternative<std::int64_t>(arg.value) ? Type::integer : Type::text);
}

}  // namespace

std::size_t Session::execute(const Statement& statement, std::initializer_list<Arg> args, RowSink sink) {
  bool right = args.size() == statement.params.size();
  for (std::size_t i = 0; right && i < args.size(); ++i) right = fits(statement.params[i], args.begin()[i]);
  if (!right) {
    throw Error(Errc::internal,
                "the arguments do not fit the parameters declared for statement '" + statement.name + "'", {}, 0,
                statement.name);
  }
  return do_execute(statement, args, sink);
}

std::size_t Session::execute(const Statement& statement, std::initializer_list<Arg> args) {
  return execute(statement, args, [](const Row&) {});
}

std::optional<std::int64_t> Session::integer(const Statement& statement, std::initializer_list<Arg> args) {
  std::optional<std::int64_t> value;
  bool first = true;
  execute(statement, args, [&](const Row& row) {
    if (first && !row.null(0)) value = row.integer(0);
    first = false;
  });
  return value;
}

}  // namespace sqlq::sql
