#include "core/finding_names.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/text.hpp"
#include "core/words.hpp"

namespace sqlq::core::found {
namespace {

constexpr std::size_t most_names_told = 10;

}  // namespace

std::string some_of(const Names& names) {
  std::vector<std::string> some;
  for (const std::string& name : names) {
    if (some.size() == most_names_told) break;
    some.push_back(core::quoted(name));
  }
  const std::string more =
      names.size() > most_names_told ? " and " + std::to_string(names.size() - most_names_told) + " more" : "";
  return joined(some, ", ") + more;
}

std::string operands(const Names& names) {
  std::vector<std::string> words;
  for (const std::string& name : names) {
    if (words.size() == most_names_told) break;
    words.push_back(shell_word(name));
  }
  const bool option = std::ranges::any_of(names, [](const std::string& name) { return name.starts_with('-'); });
  return (option ? "-- " : "") + joined(words, " ");
}

std::string items(const Names& names) {
  std::vector<std::string> words;
  for (const std::string& name : names) {
    if (words.size() == most_names_told) break;
    words.push_back(shell_item(name));
  }
  return joined(words, ",");
}

std::string called(const std::string& what, const Names& names) {
  return "the " + what + (names.size() == 1 ? " " : "s ") + some_of(names);
}

}  // namespace sqlq::core::found
