#pragma once
/// \file
/// Scratch databases that a test has left as a migration leaves them, for the next test of the same candidate.
///
/// Thread-safety: one thread at a time.

#include <functional>
#include <string>

namespace sqlq::conformance {

/// One that a test has left; empty: there is none.
[[nodiscard]] std::string scratch_left(const std::string& candidate);

/// Leaves it to the next test. At the end of the program `drop` removes those that nobody wanted.
void leave_scratch(const std::string& candidate, std::string url, std::function<void(const std::string&)> drop);

}  // namespace sqlq::conformance
