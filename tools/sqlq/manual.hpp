#pragma once
/// \file
/// The manual page and the completions of shells, made of the command line itself.

#include <string>

#include <CLI/CLI.hpp>

namespace sqlq::tool {

/// roff, for share/man/man1/sqlq.1.
[[nodiscard]] std::string manual_page(const CLI::App& root);

/// What each shell sources.
[[nodiscard]] std::string bash_completion(const CLI::App& root);
[[nodiscard]] std::string zsh_completion(const CLI::App& root);
[[nodiscard]] std::string fish_completion(const CLI::App& root);

}  // namespace sqlq::tool
