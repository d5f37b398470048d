#pragma once
/// \file
/// Names of what `doctor` finds, in sentences and in commands. A long list is cut off.
///
/// Thread-safety: pure functions.

#include <set>
#include <string>

namespace sqlq::core::found {

using Names = std::set<std::string>;

/// In quotes: "'a', 'b'".
[[nodiscard]] std::string some_of(const Names& names);
/// As many as some_of shows, as arguments of a command.
[[nodiscard]] std::string operands(const Names& names);
/// The same as values of an option.
[[nodiscard]] std::string items(const Names& names);
/// "the queue 'a'", "the queues 'a', 'b'".
[[nodiscard]] std::string called(const std::string& what, const Names& names);

}  // namespace sqlq::core::found
