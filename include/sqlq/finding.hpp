#pragma once
/// \file
/// What Admin::doctor finds.

#include <string>
#include <string_view>

#include <sqlq/export.hpp>

namespace sqlq {

/// Something about an installation that an operator should know. Thread-safety: a plain value.
struct Finding {
  /// How bad it is.
  enum class Severity {
    note,     ///< worth knowing; nothing is wrong
    warning,  ///< it works, but jobs may be slow, wait or, after a crash of the host, be lost
    error,    ///< jobs do not run, or will not, until somebody does something
  };
  Severity severity = Severity::warning;  ///< how bad it is
  std::string code{};      ///< stable, for programs: "schema_drift", "clock_offset", ... (docs/operations.md lists all)
  std::string sentence{};  ///< what was found, with its facts; one line, no password, no payload
  std::string advice{};    ///< what to do; may be empty for a note
};

/// "note", "warning", "error".
[[nodiscard]] SQLQ_API std::string_view to_string(Finding::Severity severity) noexcept;

}  // namespace sqlq
