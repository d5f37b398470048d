#pragma once
/// \file
/// The options that choose jobs, the same for every command.

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sqlq/filter.hpp>

#include "context.hpp"

namespace sqlq::tool {

/// --id, --queue, --kind, --state (each several times, or with commas), --key, --older T, --newer T, --error TEXT,
/// --priority N or A..B.
struct FilterOptions {
  std::vector<std::string> ids{}, queues{}, kinds{}, states{};
  std::string key{}, older{}, newer{}, error{}, priority{};

  /// Exit(usage) names the option that cannot be read.
  [[nodiscard]] JobFilter filter(TimePoint now) const;
  /// Whether none was given.
  [[nodiscard]] bool empty() const;
  /// As words of a command line, for "go on with" messages; quoted where a shell needs it.
  [[nodiscard]] std::string words() const;
};

/// `ids`: also as arguments without an option. They live as long as the command.
std::shared_ptr<FilterOptions> add_filter_options(CLI::App& command, bool ids_as_arguments);

}  // namespace sqlq::tool
