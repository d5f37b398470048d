#pragma once
/// \file
/// The whole command line: all commands with the options before them.

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "context.hpp"

namespace sqlq::tool {

/// `context` outlives the answer.
[[nodiscard]] std::unique_ptr<CLI::App> make_command_line(Context& context);

/// The command that was given last: `queue pause` of "sqlq queue pause mail".
[[nodiscard]] const CLI::App& given_command(const CLI::App& root);

/// What is wrong with a command line that could not be parsed, with the nearest command or option where there is one.
[[nodiscard]] std::string usage_error(const CLI::App& root, const CLI::ParseError& error);

/// The subcommands, sorted by name.
[[nodiscard]] std::vector<const CLI::App*> subcommands(const CLI::App& app);

/// "sqlq queue pause".
[[nodiscard]] std::string full_name(const CLI::App& app);

}  // namespace sqlq::tool
