#include "core/text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace sqlq::core {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

constexpr unsigned byte_at(std::string_view text, std::size_t i) noexcept {
  return static_cast<unsigned char>(text[i]);
}

bool eight_ascii_at(std::string_view text, std::size_t at) noexcept {
  if (text.size() - at < 8) return false;
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + at, 8);
  return (word & 0x8080808080808080U) == 0;
}

}  // namespace

// The bounds of the second byte keep out overlong forms, surrogates and values above U+10FFFF.
std::size_t character_length(std::string_view text, std::size_t at) noexcept {
  const unsigned lead = byte_at(text, at);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned least = 0x80;
  unsigned most = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) least = 0xA0;
    if (lead == 0xED) most = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) least = 0x90;
    if (lead == 0xF4) most = 0x8F;
  } else {
    return 0;
  }
  if (text.size() - at < length) return 0;
  if (byte_at(text, at + 1) < least || byte_at(text, at + 1) > most) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(text, at + i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::size_t find_invalid_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    if (eight_ascii_at(text, at)) {
      at += 8;
      continue;
    }
    const std::size_t length = character_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::string_view cut_text(std::string_view text, std::size_t max_bytes) noexcept {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (byte_at(text, end) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

bool is_clean_text(std::string_view text, std::size_t max_bytes) noexcept {
  return text.size() <= max_bytes && text.find('\0') == std::string_view::npos &&
         find_invalid_utf8(text) == std::string_view::npos;
}

std::string clean_text(std::string_view text, std::size_t max_bytes) {
  if (is_clean_text(text, max_bytes)) return std::string(text);
  std::string clean;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    const bool keep = length > 0 && text[at] != '\0';
    const std::string_view piece = keep ? text.substr(at, length) : replacement;
    if (clean.size() + piece.size() > max_bytes) break;
    clean += piece;
    at += keep ? length : 1;
  }
  return clean;
}

bool same_but_for_case(std::string_view one, std::string_view other) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(one, other, {}, lower, lower);
}

std::string note_text(std::string_view text) {
  std::string note = clean_text(text, max_note_bytes);
  for (char& c : note) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return note;
}

// One question mark for each character, so that the text keeps its shape.
std::string ascii_text(std::string_view text, std::size_t max_bytes) {
  std::string ascii;
  for (std::size_t at = 0; at < text.size() && ascii.size() < max_bytes;) {
    const unsigned byte = byte_at(text, at);
    const bool keep = (byte >= 0x20 && byte < 0x7F) || byte == '\n' || byte == '\t';
    ascii += keep ? text[at] : '?';
    const std::size_t length = character_length(text, at);
    at += length == 0 ? 1 : length;
  }
  return ascii;
}

std::string joined(std::span<const std::string> parts, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += between;
    text += parts[i];
  }
  return text;
}

}  // namespace sqlq::core
