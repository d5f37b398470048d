#pragma once
/// \file
/// How the parts of `doctor` say what they find. docs/operations.md lists every code that is given here; a test looks
/// for `found::SEVERITY("code"` in the sources.

#include <string>
#include <string_view>
#include <utility>

#include <sqlq/finding.hpp>

namespace sqlq::core::found {

inline Finding note(std::string_view code, std::string sentence, std::string advice = {}) {
  return {Finding::Severity::note, std::string(code), std::move(sentence), std::move(advice)};
}
inline Finding warning(std::string_view code, std::string sentence, std::string advice) {
  return {Finding::Severity::warning, std::string(code), std::move(sentence), std::move(advice)};
}
inline Finding error(std::string_view code, std::string sentence, std::string advice) {
  return {Finding::Severity::error, std::string(code), std::move(sentence), std::move(advice)};
}

}  // namespace sqlq::core::found
