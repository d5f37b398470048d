#pragma once
/// \file
/// Facts as parts of sentences for people: names, times and durations, on one line.
///
/// Thread-safety: pure functions. No function here throws but for lack of memory.

#include <cstddef>
#include <string>
#include <string_view>

#include <sqlq/clock.hpp>

namespace sqlq::core {

/// The text on one line: control characters, bytes that are not UTF-8 and characters that break lines or change the
/// direction of text are escaped (\n, \x1b, \u202e). At most `max_bytes`, an ellipsis ("...") included.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t max_bytes = 1024);

/// The same in quotes: 'mail'.
[[nodiscard]] std::string quoted(std::string_view name);

/// The name as one word of a command line: in quotes where a shell needs them, in $'...' (bash, zsh, ksh) where it has
/// what `one_line` escapes, or a backquote, for commands stand between those in sentences.
[[nodiscard]] std::string shell_word(std::string_view name);

/// The same for an argument that is not the value of an option: one that looks like an option stands behind "--".
[[nodiscard]] std::string shell_operand(std::string_view name);

/// The same for an option that takes several values with commas between them: a comma of the name is written "\,".
[[nodiscard]] std::string shell_item(std::string_view name);

/// "250 ms", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h": the two largest units, the rest cut off. A negative one is
/// shown as its opposite.
[[nodiscard]] std::string in_words(Duration time);

/// "2026-11-29 16:20:05 UTC".
[[nodiscard]] std::string in_words(TimePoint at);
/// The same, and how long that is from now: "... (in 12 s)".
[[nodiscard]] std::string in_words(TimePoint at, TimePoint now);

}  // namespace sqlq::core
