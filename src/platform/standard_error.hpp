#pragma once
/// \file
/// Lines on standard error.

#include <string_view>

namespace sqlq::platform {

/// Writes past the buffers and locks of <cstdio>, which the end of a process waits for: a thread that stands here
/// because nobody reads the pipe keeps no exit() from ending. Thread-safe. Errors are dropped.
void write_to_standard_error(std::string_view line);

}  // namespace sqlq::platform
