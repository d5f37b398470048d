// tidy <root of the source tree>: the rules of this project, as a test.
// tidy --self-test: every rule finds what it is there for.

#include <iostream>
#include <set>
#include <string>

#include "rules.hpp"

namespace {

int check_tree(const std::string& root) {
  const auto files = tidy::read_tree(root);
  std::vector<tidy::Finding> findings;
  for (const auto& rule : tidy::rules()) {
    tidy::Report report(rule.name, findings);
    for (const auto& file : files) {
      if (rule.of_texts || !file.is_text()) rule.check(file, report);
    }
  }

  std::set<const tidy::Exception*> used;
  std::set<std::string> broken;
  int count = 0;
  for (const auto& finding : findings) {
    bool excepted = false;
    for (const auto& exception : tidy::exceptions()) {
      if (finding.rule == exception.rule && finding.path.starts_with(exception.path)) {
        used.insert(&exception);
        excepted = true;
      }
    }
    if (excepted) continue;
    std::cout << finding.path << ':' << finding.line << ": " << finding.rule << ": " << finding.text << '\n';
    broken.insert(finding.rule);
    ++count;
  }
  for (const auto& exception : tidy::exceptions()) {
    if (used.count(&exception) != 0) continue;
    std::cout << "tests/tidy/rules.cpp: the exception of " << exception.path << " from " << exception.rule
              << " is not needed any more\n";
    ++count;
  }
  for (const auto& rule : tidy::rules()) {
    if (broken.count(std::string(rule.name)) != 0) std::cout << "  " << rule.name << ": " << rule.why << '\n';
  }
  std::cout << files.size() << " files, " << tidy::rules().size() << " rules, " << count << " findings\n";
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tidy <source tree> | --self-test\n";
    return 2;
  }
  try {
    const std::string argument = argv[1];
    const int wrong = argument == "--self-test" ? tidy::self_test() : check_tree(argument);
    return wrong == 0 ? 0 : 1;
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 2;
  }
}
