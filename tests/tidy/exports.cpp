// Public functions and classes say that other libraries see them: without it shared libraries cannot be linked with.

#include <array>
#include <string>
#include <string_view>

#include "rules.hpp"

namespace tidy {
namespace {

/// Without the arguments of templates, in which types of functions may be.
std::string without_arguments(std::string_view code) {
  std::string out;
  int depth = 0;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i] == '<' && !out.ends_with("operator") && !out.ends_with("operator<")) ++depth;
    if (depth == 0) out += code[i];
    if (code[i] == '>' && depth > 0) --depth;
  }
  return out;
}

/// Of a function that is defined elsewhere.
bool is_declaration(std::string_view statement) {
  static constexpr std::array defined{"template", "constexpr", "consteval", "inline", "using", "friend",
                                      "static_assert", "= default", "= delete", "= 0", "typedef", "concept"};
  if (!statement.ends_with(';') || contains(statement, "(*")) return false;  // a pointer to a function
  for (const char* word : defined) {
    if (contains_word(statement, word)) return false;
  }
  const std::string plain = without_arguments(statement);
  const auto bracket = plain.find('(');
  return bracket != std::string::npos && plain.find('=') >= bracket;
}

bool begins_class(std::string_view statement) {
  return statement.ends_with('{') && (statement.starts_with("class ") || statement.starts_with("struct "));
}

bool is_end(std::string_view code) { return code.ends_with(';') || code.ends_with('{') || code.ends_with('}'); }

}  // namespace

void check_exports(const File& file, Report& report) {
  const bool is_public = file.in("include") || contains(file.path, "/include/");
  if (!is_public || !file.is_header() || file.in("include/sqlq/conformance") ||
      file.in("include/sqlq/adapters")) {
    return;  // no library has these: the suite is objects, and adapters are whole
  }
  std::string statement;
  std::size_t begun = 0;
  std::size_t in_class = 0;  // the line where it begins; 0: in none, or in one that is seen
  bool inside = false;       // of any class: its members are indented by two
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    std::string_view code = code_of(file.lines[i]);
    while (code.ends_with(' ')) code.remove_suffix(1);
    if (code.starts_with("};")) {
      inside = false;
      in_class = 0;
    }
    const std::size_t indent = code.find_first_not_of(' ');
    if (indent == std::string_view::npos || code[indent] == '#' || code[indent] == '}') continue;
    if (statement.empty()) {
      if (indent != (inside ? 2U : 0U)) continue;  // within a function or a class in a class
      begun = i + 1;
    }
    statement += statement.empty() ? "" : " ";
    statement += code.substr(indent);
    if (!is_end(code)) continue;
    const bool seen = contains(statement, "SQLQ_API") || contains(statement, "SQLQ_TYPE");
    if (!inside && begins_class(statement)) {
      inside = true;
      in_class = seen ? 0 : begun;
    } else if (!inside && statement.ends_with('{') && contains_word(statement, "class")) {
      inside = true;  // of a template, or an enumeration
    } else if (is_declaration(statement) && !seen && (!inside || in_class != 0)) {
      report.add(file, inside ? in_class : begun,
                 inside ? "a class with functions that are defined in a library lacks SQLQ_API"
                        : "a function that is defined in a library lacks SQLQ_API");
      in_class = 0;
    }
    statement.clear();
  }
}

}  // namespace tidy
