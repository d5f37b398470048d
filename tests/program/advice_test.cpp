/// \file
/// Every command that the sources and documents name is one that the program takes. They are only read here: what
/// sentences tell is run by rescue_everywhere_test.cpp, what documents show by documents_test.cpp.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

struct Named {
  std::string where{};
  std::string command{};
};

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Sources and documents, but for decisions, which say how things were.
std::vector<fs::path> files() {
  const fs::path root = fs::path(SQLQ_DOCS).parent_path();
  std::vector<fs::path> all{root / "README.md", root / "CONTRIBUTING.md"};
  for (const char* folder : {"docs", "src", "backends", "include", "tools", "examples"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const fs::path& path = entry.path();
      const bool read = path.extension() == ".cpp" || path.extension() == ".hpp" || path.extension() == ".md";
      if (read && !has(path.string(), "/docs/decisions/")) all.push_back(path);
    }
  }
  return all;
}

/// What stands between backquotes from `at` on. In a source a literal may end and go on; what is put in between is "X".
std::string in_backquotes(const std::string& text, std::size_t at, bool source) {
  std::string command;
  for (; at < text.size() && text[at] != '`'; ++at) {
    if (source && text[at] == '"') {
      const std::size_t next = text.find_first_not_of(" \n", at + 1);
      if (next != std::string::npos && text[next] == '+') command += 'X';
      at = text.find('"', at + 1);
      if (at == std::string::npos) return {};
    } else if (source && text[at] == '\n') {  // in a comment
      at = text.find_first_not_of(" /", at + 1) - 1;
      command += ' ';
    } else {
      command += text[at] == '\n' ? ' ' : text[at];
    }
  }
  return command;
}

void find_in_backquotes(const std::string& where, const std::string& text, bool source, std::vector<Named>& out) {
  const std::string sign = "`sqlq ";
  for (std::size_t at = 0; (at = text.find(sign, at)) != std::string::npos; at += sign.size()) {
    out.push_back({where, in_backquotes(text, at + 1, source)});
  }
}

/// Scripts in documents.
void find_in_blocks(const std::string& where, const std::string& text, std::vector<Named>& out) {
  bool inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) inside = line == "```sh" || line == "```bash";
    if (inside && line.starts_with("sqlq ")) out.push_back({where, line});
  }
}

/// As a shell takes it apart, up to what is another command.
Words words_of(const std::string& command) {
  Words words;
  bool word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote == 0 && (c == ' ' || c == '\n')) {
      word = false;
      continue;
    }
    if (quote == 0 && !word && c == '#') break;
    if (quote == 0 && std::string_view("|&;<>").find(c) != std::string_view::npos) break;
    if (!word) words.emplace_back();
    word = true;
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote == c) {
      quote = 0;
    } else {
      words.back() += c;
    }
  }
  return words;
}

/// What the program says against it; empty: nothing. A name of a command alone is a mention of it.
std::string complaint(Words words) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  tool::Context context(out, err, in);
  const auto root = tool::make_command_line(context);
  words.erase(words.begin());
  const CLI::App* mentioned = root.get();
  for (const std::string& word : words) {
    const auto below = tool::subcommands(*mentioned);
    const auto found = std::find_if(below.begin(), below.end(), [&](auto* sub) { return sub->get_name() == word; });
    mentioned = found == below.end() ? nullptr : *found;
    if (mentioned == nullptr) break;
  }
  if (mentioned != nullptr) return {};
  for (std::string& word : words) {
    if (word == "N" || word == "VERSION") word = "1";
    if (word == "--number=X") word = "--number=1";  // an expression of a source
  }
  std::reverse(words.begin(), words.end());
  try {
    root->parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return tool::usage_error(*root, error);
  }
  return {};
}

/// Forms of commands, with brackets and dots, are for people.
bool is_a_form(const std::string& command) {
  return has(command, "[") || has(command, "...") || has(command, " COMMAND --help");
}

void expect_taken(const std::vector<Named>& all) {
  for (const Named& named : all) {
    if (!is_a_form(named.command)) {
      EXPECT_EQ(complaint(words_of(named.command)), "") << named.where << ": " << named.command;
    }
  }
}

TEST(Advice, CommandsOfSourcesAndDocumentsAreTaken) {
  std::vector<Named> all;
  for (const fs::path& file : files()) {
    const std::string text = text_of(file);
    const bool source = file.extension() != ".md";
    find_in_backquotes(file.string(), text, source, all);
    if (!source) find_in_blocks(file.string(), text, all);
  }
  EXPECT_GT(all.size(), 60U);
  expect_taken(all);
}

void find_in_footers(const CLI::App& app, std::vector<Named>& out) {
  std::istringstream lines(app.get_footer());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  sqlq ")) out.push_back({tool::full_name(app) + " --help", line.substr(2)});
  }
  for (const CLI::App* sub : tool::subcommands(app)) find_in_footers(*sub, out);
}

TEST(Advice, ExamplesOfTheHelpAreTaken) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  tool::Context context(out, err, in);
  std::vector<Named> all;
  find_in_footers(*tool::make_command_line(context), all);
  EXPECT_GT(all.size(), 30U);
  expect_taken(all);
}

TEST(Advice, WhatIsNotTakenIsSeen) {
  EXPECT_EQ(complaint(words_of("sqlq queue resume 'a b' | cat")), "");
  EXPECT_EQ(complaint(words_of("sqlq job take-away")), "");
  EXPECT_NE(complaint(words_of("sqlq queue resum X")), "");
  EXPECT_NE(complaint(words_of("sqlq job run-now --ids X")), "");
  EXPECT_EQ(in_backquotes("\"`sqlq a \" +\n  b(c) + \" d\"\n \" e`\"", 2, true), "sqlq a X d e");
}

}  // namespace
}  // namespace sqlq::program
