#pragma once
/// \file
/// What doctor has said, for tests.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/finding.hpp>

namespace sqlq::testing {

/// Those of one code.
[[nodiscard]] inline std::vector<Finding> with_code(std::vector<Finding> all, std::string_view code) {
  std::erase_if(all, [&](const Finding& f) { return f.code != code; });
  return all;
}

/// All of them, a line each.
[[nodiscard]] inline std::string text_of(const std::vector<Finding>& all) {
  std::string text;
  for (const Finding& f : all) {
    text += std::string(to_string(f.severity)) + ' ' + f.code + ": " + f.sentence + " -> " + f.advice + '\n';
  }
  return text;
}

/// The sentences of one code, a line each.
[[nodiscard]] inline std::string said_of(const std::vector<Finding>& all, std::string_view code) {
  std::string text;
  for (const Finding& f : with_code(all, code)) text += f.sentence + '\n';
  return text;
}

}  // namespace sqlq::testing
