#include "source.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tidy {
namespace fs = std::filesystem;

namespace {

constexpr std::array folders{"include", "src",   "backends", "schema", "tests", "examples",
                             "ci",      "cmake", "tools",    "bench",  ".ci",   "docs",  "packaging"};

bool written_by_people(const fs::path& path) {
  if (contains(path.generic_string(), "/examples/data/")) return false;  // files for an example to read
  static constexpr std::array extensions{".hpp", ".cpp", ".h", ".in", ".sql", ".cmake", ".sh", ".supp", ".md", ""};
  if (path.filename() == "CMakeLists.txt") return true;
  return std::find(extensions.begin(), extensions.end(), path.extension().string()) != extensions.end();
}

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return std::move(text).str();
}

bool is_word_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

bool File::in(std::string_view folder) const {
  return path.size() > folder.size() && path.compare(0, folder.size(), folder) == 0 &&
         (folder.back() == '/' || path[folder.size()] == '/');
}

bool File::is_header() const { return path.ends_with(".hpp") || path.ends_with(".h"); }

bool File::is_cpp() const { return is_header() || path.ends_with(".cpp") || path.ends_with(".cpp.in"); }

std::string_view File::name() const {
  const auto slash = path.rfind('/');
  return std::string_view(path).substr(slash == std::string::npos ? 0 : slash + 1);
}

File make_file(std::string path, std::string_view text) {
  File file{std::move(path), {}};
  while (!text.empty()) {
    const auto end = text.find('\n');
    file.lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return file;
}

std::vector<File> read_tree(const std::string& root) {
  std::vector<File> files;
  const auto tree = std::make_shared<Paths>();
  const auto read = [&](const fs::path& path) {
    files.push_back(make_file(fs::relative(path, root).generic_string(), slurp(path)));
    files.back().tree = tree;
  };
  for (const char* folder : folders) {
    const fs::path base = fs::path(root) / folder;
    if (!fs::is_directory(base)) continue;
    tree->insert(folder);
    for (const auto& entry : fs::recursive_directory_iterator(base)) {
      tree->insert(fs::relative(entry.path(), root).generic_string());
      if (entry.is_regular_file() && written_by_people(entry.path())) read(entry.path());
    }
  }
  for (const auto& entry : fs::directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    tree->insert(entry.path().filename().string());
    if (entry.path().extension() == ".md" || entry.path().filename() == "CMakeLists.txt") read(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

std::string_view code_of(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = 0;
      }
    } else if (c == '"' || (c == '\'' && (i == 0 || !is_word_char(line[i - 1])))) {
      quote = c;
    } else if (c == '/' && i + 1 < line.size() && line[i + 1] == '/') {
      return line.substr(0, i);
    }
  }
  return line;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool contains_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const auto after = at + word.size();
    const bool open_left = at > 0 && is_word_char(word.front()) && is_word_char(text[at - 1]);
    const bool open_right = after < text.size() && is_word_char(word.back()) && is_word_char(text[after]);
    if (!open_left && !open_right) return true;
  }
  return false;
}

}  // namespace tidy
