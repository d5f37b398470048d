#pragma once
/// \file
/// Headers of jobs as text: a JSON object of strings, in the order of the names. No headers: no text.
///
/// Thread-safety: pure functions.

#include <string>
#include <string_view>

#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq::core {

/// The headers must have passed check_headers (checks.hpp).
[[nodiscard]] SQLQ_API std::string headers_text(const Headers& headers);

/// Never throws for what the text says: a claim must not fail because somebody has changed a job by hand. What is no
/// string in a JSON object is left out.
[[nodiscard]] SQLQ_API Headers read_headers(std::string_view text);

}  // namespace sqlq::core
