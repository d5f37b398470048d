#include "secrets.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace sqlq::tool {
namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// One after "password=" begins at `at`: to the next &, or blank, or in quotes. `one_word`: to the next & or "name=".
std::size_t end_of_secret(std::string_view text, std::size_t at, bool one_word) {
  if (at < text.size() && text[at] == '\'') {
    for (std::size_t i = at + 1; i < text.size(); ++i) {
      if (text[i] == '\\') ++i;
      else if (text[i] == '\'') return i + 1;
    }
    return text.size();
  }
  std::size_t end = std::min(text.find_first_of("& \t\r\n", at), text.size());
  while (one_word && end < text.size() && text[end] != '&') {
    const std::size_t next = std::min(text.find_first_not_of(blanks, end), text.size());
    const std::size_t behind = std::min(text.find_first_of("& \t\r\n", next), text.size());
    if (text.substr(next, behind - next).find('=') != std::string_view::npos) break;
    end = behind;
  }
  return end;
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> passwords(std::string_view text, bool one_word) {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  for (std::size_t at = 0; (at = text.find("://", at)) != std::string_view::npos;) {
    at += 3;
    // A password that was not percent-encoded may hold / and @ itself: to the last @ of the word.
    const std::size_t word = one_word ? text.size() : std::min(text.find_first_of(blanks, at), text.size());
    const std::size_t end = text.substr(0, word).rfind('@');
    const std::size_t colon = text.find(':', at);
    if (end != std::string_view::npos && colon < end) {
      found.emplace_back(colon + 1, end);
      at = end;
    }
  }
  const std::string folded = lower(text);
  for (const std::string_view name : {"password=", "passwd=", "pwd="}) {
    for (std::size_t at = 0; (at = folded.find(name, at)) != std::string::npos;) {
      at += name.size();
      found.emplace_back(at, end_of_secret(text, at, one_word));
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string without_passwords(std::string_view text, bool one_word) {
  std::string out;
  std::size_t at = 0;
  for (const auto& [begin, end] : passwords(text, one_word)) {
    if (begin >= at) out += std::string(text.substr(at, begin - at)) + "***";
    at = std::max(at, end);
  }
  return out + std::string(text.substr(at));
}

std::string without_passwords_of(std::string_view word, std::string text) {
  for (const auto& [begin, end] : passwords(word, true)) {
    // With what stands beside it: a password of one letter is no reason to hide that letter everywhere.
    const std::size_t first = begin - 1;
    const std::string_view quoted = word.substr(first, std::min(end + 1, word.size()) - first);
    const std::string shown = quoted.front() + std::string("***") + std::string(quoted.substr(1 + end - begin));
    for (std::size_t at = 0; (at = text.find(quoted, at)) != std::string::npos; at += shown.size()) {
      text.replace(at, quoted.size(), shown);
    }
  }
  return text;
}

void blank_passwords(char* text) {
  for (const auto& [begin, end] : passwords(text, true)) std::fill(text + begin, text + end, '*');
}

}  // namespace sqlq::tool
