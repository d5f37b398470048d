#pragma once
// The source tree as the rules see it.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

/// Every file and folder there is, relative to the root, with '/'.
using Paths = std::set<std::string, std::less<>>;

struct File {
  std::string path;  ///< relative to the root, with '/'
  std::vector<std::string> lines;
  std::shared_ptr<const Paths> tree{};

  [[nodiscard]] bool in(std::string_view folder) const;
  [[nodiscard]] bool is_header() const;
  [[nodiscard]] bool is_cpp() const;
  /// For people, no source: only few rules are for it.
  [[nodiscard]] bool is_text() const { return path.ends_with(".md"); }
  [[nodiscard]] std::string_view name() const;
};

struct Finding {
  std::string rule;
  std::string path;
  std::size_t line = 0;
  std::string text;
};

/// Collects what one rule finds.
class Report {
 public:
  Report(std::string_view rule, std::vector<Finding>& findings) : rule_(rule), findings_(findings) {}
  void add(const File& file, std::size_t line, std::string text) {
    findings_.push_back({std::string(rule_), file.path, line, std::move(text)});
  }

 private:
  std::string_view rule_;
  std::vector<Finding>& findings_;
};

/// Every file below `root` that people write: sources, SQL, CMake, scripts, texts. Throws on an unreadable one.
[[nodiscard]] std::vector<File> read_tree(const std::string& root);
/// A file made of `text`, for the rules' own tests.
[[nodiscard]] File make_file(std::string path, std::string_view text);

/// The line without its // comment; string literals are kept.
[[nodiscard]] std::string_view code_of(std::string_view line);
[[nodiscard]] bool contains(std::string_view text, std::string_view part);
/// As contains, but not where the word goes on to the left or right with a letter, digit or underscore.
[[nodiscard]] bool contains_word(std::string_view text, std::string_view word);

}  // namespace tidy
