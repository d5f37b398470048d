#pragma once
/// \file
/// JSON text that a command line names: the text itself, @FILE, or - for standard input.

#include <string>

#include "context.hpp"

namespace sqlq::tool {

/// Without the white space around it. Exit(usage) for a file that cannot be read; Error(invalid_argument) for what is
/// no JSON, or too large for params.
[[nodiscard]] std::string json_argument(Context& context, const std::string& given);

}  // namespace sqlq::tool
