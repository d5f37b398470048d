#pragma once
/// \file
/// Text: UTF-8 as databases want it, checked, cut and cleaned; lists of names.
///
/// Thread-safety: pure functions. No function here throws but for lack of memory.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <sqlq/export.hpp>

namespace sqlq::core {

/// A job's history cuts error messages to this.
inline constexpr std::size_t max_message_bytes = std::size_t{64} << 10;
/// A job's log cuts lines to this.
inline constexpr std::size_t max_log_bytes = std::size_t{16} << 10;

/// A job's progress cuts notes to this.
inline constexpr std::size_t max_note_bytes = std::size_t{1} << 10;

/// Bytes of the well-formed character of UTF-8 that begins at `at`; 0 if none does. `at` is below the text's size.
[[nodiscard]] std::size_t character_length(std::string_view text, std::size_t at) noexcept;

/// Position of the first byte that is not part of well-formed UTF-8; npos when all is well.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text) noexcept;

/// At most `max_bytes` of the text, cut where a character begins. The text must be valid up to there.
[[nodiscard]] std::string_view cut_text(std::string_view text, std::size_t max_bytes) noexcept;

/// Can any database store it as it is: valid UTF-8 without NUL, at most `max_bytes`?
[[nodiscard]] bool is_clean_text(std::string_view text, std::size_t max_bytes) noexcept;

/// The text with every NUL and every byte that is not UTF-8 replaced by U+FFFD, cut at a character boundary.
[[nodiscard]] std::string clean_text(std::string_view text, std::size_t max_bytes);

/// The same for a progress's note, which is one line.
[[nodiscard]] std::string note_text(std::string_view text);

/// Whether two names differ in the case of ASCII letters only, or not at all.
[[nodiscard]] bool same_but_for_case(std::string_view one, std::string_view other) noexcept;

/// Takes the part before the next `end`, and that `end`, off the text, or all that is left; false when nothing is.
/// No stream: the first one makes a static program 440 kB larger.
[[nodiscard]] inline bool take_until(char end, std::string_view& text, std::string_view& part) noexcept {
  if (text.empty()) return false;
  const std::size_t at = text.find(end);
  part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return true;
}

/// The text in characters that any database can store: all others are replaced by '?'.
[[nodiscard]] SQLQ_API std::string ascii_text(std::string_view text, std::size_t max_bytes);

/// The parts in order, with `between` between them.
[[nodiscard]] SQLQ_API std::string joined(std::span<const std::string> parts, std::string_view between);

}  // namespace sqlq::core
