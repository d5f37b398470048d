#pragma once
/// \file
/// Passwords in what was typed: they are in no message, and process lists show them for as short as can be. Pure
/// functions. What may be a password counts as one: better a text that hides too much.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqlq::tool {

/// Where passwords stand, as (begin, end): behind "scheme://user:", and as values of password=, passwd=, pwd= and
/// sslpassword=. `one_word`: a blank ends no URL, for the text is one word of a command line.
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> passwords(std::string_view text, bool one_word = false);
/// "postgresql://ada:***@host/db".
[[nodiscard]] std::string without_passwords(std::string_view text, bool one_word = false);
/// `text` without the passwords of `word`, one of a command line, wherever it quotes them: in a sentence the blank in a
/// password would end it.
[[nodiscard]] std::string without_passwords_of(std::string_view word, std::string text);
/// Overwrites them where they are: `text` is a word of main's argv.
void blank_passwords(char* text);

}  // namespace sqlq::tool
