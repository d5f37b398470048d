#include "core/words.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>

#include "core/text.hpp"

namespace sqlq::core {
namespace {

constexpr std::string_view cut_here = "...";

std::string hexadecimal(const char* format, unsigned value) {
  std::array<char, 16> text{};
  const int length = std::snprintf(text.data(), text.size(), format, value);
  return {text.data(), static_cast<std::size_t>(std::max(length, 0))};
}

unsigned byte_of(char c) { return static_cast<unsigned char>(c); }

/// Of two or three bytes; 0 for all others, none of which needs an escape.
unsigned code_point(std::string_view character) {
  const auto low = [&](std::size_t i) { return byte_of(character[i]) & 0x3FU; };
  if (character.size() == 2) return (byte_of(character[0]) & 0x1FU) << 6U | low(1);
  if (character.size() == 3) return (byte_of(character[0]) & 0x0FU) << 12U | low(1) << 6U | low(2);
  return 0;
}

bool breaks_text(unsigned code) {
  const auto within = [code](unsigned first, unsigned last) { return code >= first && code <= last; };
  return within(0x80, 0x9F) || code == 0x061C || within(0x200E, 0x200F) || within(0x2028, 0x202E) ||
         within(0x2066, 0x2069);
}

std::string escaped(char byte) {
  switch (byte) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return hexadecimal("\\x%02x", byte_of(byte));
  }
}

bool plain_word(std::string_view name) {
  constexpr std::string_view others = "_-./:@%+,";
  const auto plain = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  };
  return !name.empty() && name.front() != '-' && std::ranges::all_of(name, plain);
}

}  // namespace

std::string one_line(std::string_view text, std::size_t max_bytes) {
  std::string line;
  std::size_t fits = 0;  // so much of the line leaves room for the ellipsis
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, character_length(text, at));
    const std::string_view character = text.substr(at, length);
    const unsigned byte = byte_of(character.front());
    const unsigned code = code_point(character);
    if (length == 1 && (byte < 0x20 || byte >= 0x7F)) {
      line += escaped(character.front());
    } else if (breaks_text(code)) {
      line += hexadecimal("\\u%04x", code);
    } else {
      line += character;
    }
    if (line.size() > max_bytes) return line.substr(0, fits) + std::string(cut_here);
    if (line.size() + cut_here.size() <= max_bytes) fits = line.size();
    at += length;
  }
  return line;
}

std::string quoted(std::string_view name) { return "'" + one_line(name) + "'"; }

std::string shell_word(std::string_view name) {
  if (plain_word(name)) return std::string(name);
  const bool as_it_is = name.find('`') == std::string_view::npos && one_line(name, name.size() + 1) == name;
  std::string word = as_it_is ? "'" : "$'";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (as_it_is) {
      word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    } else if (byte < 0x20 || byte >= 0x7F || c == '`') {
      word += hexadecimal("\\x%02x", byte);
    } else {
      if (c == '\\' || c == '\'') word += '\\';
      word += c;
    }
  }
  return word + "'";
}

std::string shell_operand(std::string_view name) { return (name.starts_with('-') ? "-- " : "") + shell_word(name); }

std::string shell_item(std::string_view name) {
  std::string item;
  for (const char c : name) item += c == ',' ? std::string("\\,") : std::string(1, c);
  return shell_word(item);
}

std::string in_words(Duration time) {
  struct Unit {
    std::uint64_t size;
    std::string_view name;
  };
  constexpr std::array<Unit, 4> units{{{86'400, " d"}, {3'600, " h"}, {60, " min"}, {1, " s"}}};
  // The opposite of the smallest number is none.
  const auto count = std::max<std::int64_t>(time.count(), -std::numeric_limits<std::int64_t>::max());
  const auto whole = static_cast<std::uint64_t>(count < 0 ? -count : count);
  const std::uint64_t seconds = whole / 1'000'000;
  if (seconds == 0) return whole == 0 ? "0 s" : std::to_string(whole / 1000) + " ms";
  const auto first = std::ranges::find_if(units, [&](const Unit& unit) { return seconds >= unit.size; });
  std::string words = std::to_string(seconds / first->size) + std::string(first->name);
  const auto second = first + 1;
  if (second == units.end()) return words;
  const std::uint64_t rest = seconds % first->size / second->size;
  return rest == 0 ? words : words + " " + std::to_string(rest) + std::string(second->name);
}

std::string in_words(TimePoint at) {
  using std::chrono::days;
  using std::chrono::year;
  constexpr std::chrono::sys_days first = year{0} / 1 / 1;
  constexpr std::chrono::sys_days end = year{10'000} / 1 / 1;
  if (at < first) return "a time before the year 0";
  if (at >= end) return "a time after the year 9999";
  const auto day = std::chrono::floor<days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(at - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u %02d:%02d:%02d UTC", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text.data();
}

std::string in_words(TimePoint at, TimePoint now) { return in_words(at) + " (in " + in_words(at - now) + ")"; }

}  // namespace sqlq::core
