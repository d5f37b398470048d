/// \file
/// What docs/cli.md, docs/cli/*.md and the documents below show in a shell is run, each document in a folder and on a
/// database of its own. (Blocks of C++ are compiled: examples/check_document.cmake.)
///
/// A block of ```sh is a script: it must succeed. A block of ```console has commands, each behind "$ " (lines that go
/// on with "> "), and below each what it prints, standard error included. There "..." stands for any text within a
/// line, and a line that is only "..." for any lines. `$?` is the exit code of the command before. Other blocks are not
/// run.

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "program.hpp"

namespace sqlq::program {
namespace {

std::vector<std::string> documents() {
  std::vector<std::string> names;
  for (const char* page : {"cli", "embedded", "from-celery", "from-oban", "from-river", "from-sidekiq",
                           "from-sqlite-to-a-server", "inbox", "limits", "periodic", "retries", "workflows"}) {
    names.push_back(std::string(page) + ".md");
  }
  const std::filesystem::path folder = std::filesystem::path(SQLQ_DOCS) / "cli";
  if (!std::filesystem::exists(folder)) return names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".md") names.push_back("cli/" + entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

struct Block {
  std::string language{};
  std::size_t line = 0;  ///< of its first line, from 1
  std::vector<std::string> lines{};
};

std::vector<Block> blocks_of(const std::string& document) {
  std::ifstream in(std::string(SQLQ_DOCS) + "/" + document);
  std::vector<Block> blocks;
  bool inside = false;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.starts_with("```")) {
      inside = !inside;
      if (inside) blocks.push_back({line.substr(3), number + 1, {}});
    } else if (inside) {
      blocks.back().lines.push_back(line);
    }
  }
  return blocks;
}

bool fits(std::string_view text, std::string_view pattern) {
  const auto dots = pattern.find("...");
  if (dots == std::string_view::npos) return text == pattern;
  if (!text.starts_with(pattern.substr(0, dots))) return false;
  const std::string_view rest = pattern.substr(dots + 3);
  for (std::size_t at = dots; at <= text.size(); ++at) {
    if (fits(text.substr(at), rest)) return true;
  }
  return false;
}

/// Whether lines [i, ...) fit patterns [j, ...).
bool fit(const std::vector<std::string>& lines, const std::vector<std::string>& patterns, std::size_t i = 0,
         std::size_t j = 0) {
  if (j == patterns.size()) return i == lines.size();
  if (patterns[j] == "...") {
    for (std::size_t next = i; next <= lines.size(); ++next) {
      if (fit(lines, patterns, next, j + 1)) return true;
    }
    return false;
  }
  return i < lines.size() && fits(lines[i], patterns[j]) && fit(lines, patterns, i + 1, j + 1);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    line.erase(line.find_last_not_of(" \r") + 1);
    lines.push_back(line);
  }
  return lines;
}

class Documents : public ProgramTest, public ::testing::WithParamInterface<std::string> {
 protected:
  Result bash(const std::string& script) {
    Setting setting = here();
    const std::string programs = std::filesystem::path(SQLQ_PROGRAM).parent_path().string();
    const char* const path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
    setting.environment.push_back("PATH=" + programs + ":" + (path == nullptr ? "/usr/bin:/bin" : path));
    setting.environment.push_back("SQLQ_DATABASE_URL=sqlite://jobs.db");
    std::rotate(setting.environment.begin(), setting.environment.end() - 1, setting.environment.end());
    return Running("/bin/bash", {"--norc", "-o", "pipefail", "-c", script}, setting).wait();
  }

  void run_script(const Block& block) {
    std::string script = "set -eu\n";
    for (const std::string& line : block.lines) script += line + "\n";
    const Result result = bash(script);
    EXPECT_EQ(result.code, 0) << where(block.line) << "\n" << script << result.out << result.err;
  }

  void run_console(const Block& block) {
    int code = 0;
    for (std::size_t i = 0; i < block.lines.size();) {
      ASSERT_TRUE(block.lines[i].starts_with("$ ")) << where(block.line + i) << ": " << block.lines[i];
      const std::size_t line = block.line + i;
      std::string command = block.lines[i++].substr(2);
      while (i < block.lines.size() && block.lines[i].starts_with("> ")) command += "\n" + block.lines[i++].substr(2);
      std::vector<std::string> expected;
      while (i < block.lines.size() && !block.lines[i].starts_with("$ ")) expected.push_back(block.lines[i++]);
      const Result result = bash("exec 2>&1\n(exit " + std::to_string(code) + ")\n" + command);
      code = result.code;
      EXPECT_TRUE(fit(lines_of(result.out), expected))
          << where(line) << "\n$ " << command << "\n" << result.out << "(exit code " << code << ")";
    }
  }

 private:
  [[nodiscard]] static std::string where(std::size_t line) {
    return "docs/" + GetParam() + ":" + std::to_string(line);
  }
};

TEST_P(Documents, ShowWhatHappens) {
  std::size_t run = 0;
  for (const Block& block : blocks_of(GetParam())) {
    if (block.language == "sh") run_script(block);
    if (block.language == "console") run_console(block);
    run += block.language == "sh" || block.language == "console" ? 1 : 0;
  }
  EXPECT_GT(run, 0U) << GetParam() << " shows nothing that can be run";
}
INSTANTIATE_TEST_SUITE_P(Each, Documents, ::testing::ValuesIn(documents()), [](const auto& document) {
  std::string name = document.param;
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

TEST(DocumentPatterns, StandForAnyText) {
  EXPECT_TRUE(fits("created 3m ago by w1", "created ... ago by ..."));
  EXPECT_FALSE(fits("created", "created ... ago"));
  EXPECT_TRUE(fit({"a", "b", "c"}, {"a", "...", "c"}));
  EXPECT_TRUE(fit({"a", "c"}, {"a", "...", "c"}));
  EXPECT_FALSE(fit({"a", "b"}, {"a"}));
}

}  // namespace
}  // namespace sqlq::program
