#pragma once
/// \file
/// The options that choose jobs, the same for every command.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include <sqlq/filter.hpp>

#include "context.hpp"

namespace sqlq::tool {

/// --id, --queue, --kind, --state (each several times, or with commas; a comma of a name is written \,), --key
/// or --unique-key, --older T, --newer T (an age such as 7d, or a time), --error TEXT, --priority N or A..B, A.., ..B.
struct FilterOptions {
  std::vector<std::string> arguments{};  ///< ids without an option
  std::vector<std::string> ids{}, queues{}, kinds{}, states{};
  std::string key{}, older{}, newer{}, error{}, priority{};

  /// Exit(usage) names the option that cannot be read.
  [[nodiscard]] JobFilter filter(TimePoint now) const;
  /// Whether none was given.
  [[nodiscard]] bool empty() const;
  /// Whether nothing but ids was given.
  [[nodiscard]] bool only_ids() const;
  /// As words of a command line, for "go on with" messages; quoted where a shell needs it. With `now`, ages are written
  /// as the times that they meant then, so that the command means the same jobs later.
  [[nodiscard]] std::string words(OptionalTime now = {}) const;
};

/// `ids`: also as arguments without an option. They live as long as the command.
std::shared_ptr<FilterOptions> add_filter_options(CLI::App& command, bool ids_as_arguments);

/// Exit(usage) when it is none; `what` names the option or argument.
[[nodiscard]] JobId read_id(std::string_view text, std::string_view what);
/// Exit(usage) unless it is a duration such as 90s or 1h30m, not negative.
[[nodiscard]] Duration read_duration(std::string_view text, std::string_view what);
/// The word as bash and zsh read it back: quoted where needed, control characters and what is no UTF-8 as escapes.
[[nodiscard]] std::string shell_word(std::string_view word);
/// "a,b\,c" is "a" and "b,c". No backslash but one before a comma has a meaning.
[[nodiscard]] std::vector<std::string> split_commas(std::string_view text);
/// The same for an option that was given several times.
[[nodiscard]] std::vector<std::string> split_commas(const std::vector<std::string>& given);

}  // namespace sqlq::tool
