#pragma once
/// \file
/// How the parts of `doctor` say what they find. docs/operations.md lists every code that is given here; a test looks
/// for `found::SEVERITY("code"` in the sources.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>
#include <sqlq/finding.hpp>

#include "core/function_ref.hpp"

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

/// Looks at something. Where the database forbids it a note says so.
inline void look_at(std::string_view what, std::vector<Finding>& findings, FunctionRef<void()> look) {
  try {
    look();
  } catch (const Error& e) {
    if (e.code() != Errc::permission) throw;
    findings.push_back(found::note("not_looked_at", "this user may not look at " + std::string(what),
                                   "ask as a user who may, to know more"));
  }
}

}  // namespace sqlq::core::found
