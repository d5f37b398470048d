#include "sql/catalogue.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

#include <sqlq/error.hpp>

namespace sqlq::sql {
namespace {

[[noreturn]] void malformed(const std::string& statement, const std::string& what) {
  throw Error(Errc::internal, "SQL catalogue, statement '" + statement + "': " + what);
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.front())) != 0) s.remove_prefix(1);
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.back())) != 0) s.remove_suffix(1);
  return s;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::vector<Field> parse_fields(const std::string& statement, std::string_view list) {
  std::vector<Field> fields;
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto item = trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    const auto space = item.find(' ');
    auto type = trim(space == std::string_view::npos ? std::string_view{} : item.substr(space));
    Field field{.name = std::string(item.substr(0, space))};
    if (type.ends_with('?')) {
      field.nullable = true;
      type.remove_suffix(1);
    }
    if (type != "int" && type != "text") {
      malformed(statement, "the type of '" + field.name + "' is neither int nor text");
    }
    field.type = type == "int" ? Type::integer : Type::text;
    fields.push_back(std::move(field));
  }
  return fields;
}

/// The `:name`s in a text, outside of quotes. `::` is a cast.
std::set<std::string, std::less<>> names_used(std::string_view text) {
  std::set<std::string, std::less<>> names;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == ':' && i + 1 < text.size() && text[i + 1] == ':') {
      ++i;
    } else if (c == ':') {
      std::size_t end = i + 1;
      while (end < text.size() && is_word(text[end])) ++end;
      if (end > i + 1) names.emplace(text.substr(i + 1, end - i - 1));
      i = end - 1;
    }
  }
  return names;
}

void check(Statement& s) {
  s.text = std::string(trim(s.text));
  if (s.text.empty()) malformed(s.name, "it has no text");
  auto used = names_used(s.text);
  for (const Field& p : s.params) {
    if (used.erase(p.name) == 0) malformed(s.name, "parameter '" + p.name + "' is declared and not used, or twice");
  }
  if (!used.empty()) malformed(s.name, "parameter '" + *used.begin() + "' is not declared");
}

}  // namespace

Catalogue::Catalogue(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.starts_with("-- name:")) {
      Statement s;
      s.name = std::string(trim(line.substr(8)));
      s.index = statements_.size();
      const bool taken = std::ranges::any_of(statements_, [&](const Statement& o) { return o.name == s.name; });
      if (s.name.empty() || taken) malformed(s.name, "the name is missing or taken");
      statements_.push_back(std::move(s));
    } else if (statements_.empty() || trim(line).empty()) {
      continue;
    } else if (line.starts_with("-- params:")) {
      statements_.back().params = parse_fields(statements_.back().name, line.substr(10));
    } else if (line.starts_with("-- returns:")) {
      statements_.back().columns = parse_fields(statements_.back().name, line.substr(11));
    } else if (!line.starts_with("--")) {
      statements_.back().text.append(line).push_back('\n');
    }
  }
  for (Statement& s : statements_) check(s);
}

const Statement& Catalogue::operator[](std::string_view name) const {
  const auto it = std::ranges::find(statements_, name, &Statement::name);
  if (it == statements_.end()) malformed(std::string(name), "there is no such statement");
  return *it;
}

}  // namespace sqlq::sql
