#include "sql/catalogue.hpp"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

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
    if (type != "int" && type != "text" && type != "list") {
      malformed(statement, "the type of '" + field.name + "' is neither int nor text nor list");
    }
    field.type = type == "int" ? Type::integer : type == "text" ? Type::text : Type::list;
    fields.push_back(std::move(field));
  }
  return fields;
}

/// Where a `:name` of a text stands, outside of quotes. `::` is a cast.
struct Use {
  std::size_t begin = 0;  // of the colon
  std::size_t end = 0;
};

std::vector<Use> uses_in(std::string_view text) {
  std::vector<Use> uses;
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
      if (end > i + 1) uses.push_back({i, end});
      i = end - 1;
    }
  }
  return uses;
}

/// Cuts the text at its parameters; each declared one must be used, and each used one declared.
void cut(Statement& s) {
  s.text = std::string(trim(s.text));
  if (s.text.empty()) malformed(s.name, "it has no text");
  std::vector<bool> used(s.params.size(), false);
  std::size_t done = 0;
  for (const Use& use : uses_in(s.text)) {
    const std::string name = s.text.substr(use.begin + 1, use.end - use.begin - 1);
    const auto at = std::ranges::find(s.params, name, &Field::name);
    if (at == s.params.end()) malformed(s.name, "parameter '" + name + "' is not declared");
    const auto index = static_cast<std::size_t>(at - s.params.begin());
    used[index] = true;
    s.pieces.push_back({s.text.substr(done, use.begin - done), index});
    done = use.end;
  }
  s.pieces.push_back({s.text.substr(done), std::nullopt});
  for (std::size_t i = 0; i < used.size(); ++i) {
    const std::string& name = s.params[i].name;
    const bool twice = std::ranges::count(s.params, name, &Field::name) > 1;
    if (!used[i] || twice) malformed(s.name, "parameter '" + name + "' is declared and not used, or twice");
  }
}

constexpr std::string_view name_header = "-- name:";
constexpr std::string_view piece_header = "-- piece:";

/// The first line, with its end, which is taken off the text.
std::string_view cut_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::size_t size = std::min(text.size(), line.size() + 1);
  return std::exchange(text, text.substr(size)).substr(0, size);
}

std::string replace_names(std::string_view text, std::span<const Substitution> substitutions) {
  std::string result;
  while (!text.empty()) {
    const auto open = text.find('{');
    result += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) malformed(std::string(text.substr(open)), "a { has no }");
    const auto name = text.substr(open + 1, close - open - 1);
    const auto known = std::ranges::find(substitutions, name, &Substitution::name);
    if (known == substitutions.end()) malformed(std::string(name), "there is nothing to put in its place");
    result += known->text;
    text.remove_prefix(close + 1);
  }
  return result;
}

}  // namespace

Catalogue::Catalogue(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = cut_line(text);
    if (line.starts_with(name_header)) {
      Statement s;
      s.name = std::string(trim(line.substr(name_header.size())));
      s.index = statements_.size();
      const bool taken = std::ranges::any_of(statements_, [&](const Statement& o) { return o.name == s.name; });
      if (s.name.empty() || taken) malformed(s.name, "the name is missing or taken");
      statements_.push_back(std::move(s));
    } else if (statements_.empty() || trim(line).empty()) {
      continue;
    } else if (line.starts_with("-- params:")) {
      statements_.back().params = parse_fields(statements_.back().name, trim(line.substr(10)));
    } else if (line.starts_with("-- returns:")) {
      statements_.back().columns = parse_fields(statements_.back().name, trim(line.substr(11)));
    } else if (!line.starts_with("--")) {
      statements_.back().text += line;
    }
  }
  for (Statement& s : statements_) cut(s);
}

std::string expand(std::string_view text, std::span<const Substitution> substitutions) {
  std::vector<Substitution> known(substitutions.begin(), substitutions.end());
  std::string rest;
  for (bool in_piece = false; !text.empty();) {
    const std::string_view line = cut_line(text);
    if (line.starts_with(piece_header)) {
      const std::string_view name = trim(line.substr(piece_header.size()));
      const bool taken = std::ranges::find(known, name, &Substitution::name) != known.end();
      if (taken) malformed(std::string(name), "a piece with this name is there already");
      known.push_back({name, {}});
      in_piece = true;
    } else if (!in_piece || line.starts_with(name_header)) {
      in_piece = false;
      rest += replace_names(line, known);
    } else if (const std::string_view part = trim(line); !part.starts_with("--") && !part.empty()) {
      std::string& whole = known.back().text;
      whole += (whole.empty() ? "" : " ") + replace_names(part, known);
    }
  }
  return rest;
}

const Statement& Catalogue::operator[](std::string_view name) const {
  const auto it = std::ranges::find(statements_, name, &Statement::name);
  if (it == statements_.end()) malformed(std::string(name), "there is no such statement");
  return *it;
}

}  // namespace sqlq::sql
