// Files and top_folders that texts and comments name are there.

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "rules.hpp"

namespace tidy {
namespace {

constexpr std::array top_folders{"include/", "src/", "backends/", "schema/", "tests/", "examples/",
                           "ci/",      "cmake/", "bench/",  "docs/",   "packaging/", "sqlq/"};

bool is_one_of(char c, std::string_view all) { return all.find(c) != std::string_view::npos; }
bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || is_one_of(c, "_-./+"); }

/// With or without the ending: `src/core/text` is text.hpp and text.cpp, `docs/decisions/0026` a decision.
bool is_there(const Paths& tree, const std::string& path) {
  const auto next = tree.lower_bound(path);
  if (next == tree.end() || !next->starts_with(path)) return false;
  for (auto at = next; at != tree.end() && at->starts_with(path); ++at) {
    const char after = at->size() == path.size() ? '/' : (*at)[path.size()];
    const bool numbered = after == '-' && std::isdigit(static_cast<unsigned char>(path.back())) != 0;
    if (after == '/' || after == '.' || numbered) return true;
  }
  return false;
}

/// `from`: a folder, with its '/', or empty for the root.
std::string joined(std::string_view from, std::string_view path) {
  std::string all = std::string(from) + std::string(path);
  for (auto up = all.find("../"); up != std::string::npos && up > 0; up = all.find("../")) {
    const auto before = all.rfind('/', up - 2);
    const std::size_t cut = up < 2 || before == std::string::npos ? 0 : before + 1;
    all.erase(cut, up + 3 - cut);
  }
  while (!all.empty() && all.back() == '/') all.pop_back();
  return all;
}

/// Whether some folder has a file of that name.
bool is_somewhere(const Paths& tree, std::string_view name) {
  return std::ranges::any_of(tree, [&](const std::string& path) {
    return path == name || (path.ends_with(name) && path[path.size() - name.size() - 1] == '/');
  });
}

/// Names may be said from the root, from the folder of the text, or from that of its backend; headers as programs
/// include them; a file alone, by its name.
bool is_known(const File& file, std::string_view name) {
  if (name.find('/') == std::string_view::npos) return is_somewhere(*file.tree, name);
  const std::string folder = file.path.substr(0, file.path.rfind('/') + 1);
  std::vector<std::string> froms{"", folder, "include/", "share/"};
  for (const char* backend : {"sqlite", "postgres", "mysql"}) {
    const std::string base = std::string("backends/") + backend + '/';
    froms.push_back(base + "include/");
    if (file.in("backends/" + std::string(backend)) || file.in("schema/" + std::string(backend))) froms.push_back(base);
  }
  for (const std::string& from : froms) {
    if (is_there(*file.tree, joined(from, name))) return true;
  }
  return false;
}

bool is_name_of_ours(std::string_view word) {
  const bool source = word.ends_with(".cpp") || word.ends_with(".hpp");
  const bool alone = source && word.find('/') == std::string_view::npos && word.front() != '.';
  const auto begins = [&](const char* root) { return word.starts_with(root); };
  return alone || word.starts_with("../") || std::ranges::any_of(top_folders, begins);
}

void check_words(const File& file, std::size_t line, std::string_view text, Report& report) {
  for (std::size_t end = 0; end < text.size();) {
    std::size_t begin = end;
    while (begin < text.size() && !in_name(text[begin])) ++begin;
    end = begin;
    while (end < text.size() && in_name(text[end])) ++end;
    std::string_view word = text.substr(begin, end - begin);
    while (word.ends_with('.') || word.ends_with('-')) word.remove_suffix(1);
    const bool pattern = (begin > 0 && is_one_of(text[begin - 1], "*}>$~")) ||
                         (end < text.size() && is_one_of(text[end], "*{<$@")) || contains(word, "...");
    if (word.empty() || pattern || !is_name_of_ours(word) || is_known(file, word)) continue;
    report.add(file, line, std::string(word) + " is not there");
  }
}

void check_links(const File& file, std::size_t line, std::string_view text, Report& report) {
  for (auto at = text.find("]("); at != std::string_view::npos; at = text.find("](", at + 2)) {
    std::string_view to = text.substr(at + 2, text.find(')', at) - at - 2);
    if (to.starts_with('#') || contains(to, "://") || contains(to, " ")) continue;  // a lambda has a blank
    to = to.substr(0, to.find('#'));
    const std::string folder = file.path.substr(0, file.path.rfind('/') + 1);
    if (file.tree->contains(joined(folder, to))) continue;
    report.add(file, line, "the link to " + std::string(to) + " leads nowhere");
  }
}

}  // namespace

void check_named_paths(const File& file, Report& report) {
  if (file.tree == nullptr || file.in("tests/tidy")) return;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::string_view line = file.lines[i];
    if (file.is_text()) {
      check_words(file, i + 1, line, report);
      check_links(file, i + 1, line, report);
    } else if (file.is_cpp()) {
      check_words(file, i + 1, line.substr(code_of(line).size()), report);
    } else if (file.path.ends_with(".sql") && line.starts_with("--")) {
      check_words(file, i + 1, line, report);
    }
  }
}

}  // namespace tidy
