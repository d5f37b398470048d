#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "program.hpp"

namespace sqlq::program {
namespace {

/// Cells hold one character each, of one or more bytes; wide characters are not known.
class Emulator {
 public:
  explicit Emulator(Size size) : size_(size), cells_(size.rows, std::vector<std::string>(size.columns, " ")) {}

  void feed(std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const char c = bytes[at];
      if (c == '\x1b') {
        at = escape(bytes, at + 1);
        continue;
      }
      ++at;
      if (c == '\r') {
        column_ = 0;
      } else if (c == '\n') {
        next_line();
      } else if (c == '\b') {
        column_ -= column_ > 0 ? 1 : 0;
      } else if (static_cast<unsigned char>(c) >= ' ') {
        std::string character(1, c);
        while (at < bytes.size() && (static_cast<unsigned char>(bytes[at]) & 0xc0U) == 0x80) character += bytes[at++];
        put(std::move(character));
      }
    }
  }

  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& row : cells_) {
      std::string line;
      for (const std::string& cell : row) line += cell;
      line.erase(line.find_last_not_of(' ') + 1);
      out.push_back(std::move(line));
    }
    return out;
  }

 private:
  void put(std::string character) {
    if (column_ >= size_.columns) {
      column_ = 0;
      next_line();
    }
    cells_[row_][column_++] = std::move(character);
  }
  void next_line() {
    if (++row_ < size_.rows) return;
    row_ = size_.rows - 1U;
    cells_.erase(cells_.begin());
    cells_.emplace_back(size_.columns, " ");
  }
  void erase(std::size_t row, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to && i < size_.columns; ++i) cells_[row][i] = " ";
  }

  /// The sequence behind ESC; where it ends.
  std::size_t escape(std::string_view bytes, std::size_t at) {
    if (at >= bytes.size() || bytes[at] != '[') return at + 1;
    const std::size_t begin = ++at;
    while (at < bytes.size() && (bytes[at] < '@' || bytes[at] > '~')) ++at;
    if (at < bytes.size()) command(bytes[at], std::string(bytes.substr(begin, at - begin)));
    return at + 1;
  }
  void command(char what, const std::string& arguments) {
    const auto first = static_cast<std::size_t>(std::strtoul(arguments.c_str(), nullptr, 10));
    const std::size_t n = std::max<std::size_t>(first, 1);
    const std::size_t semicolon = arguments.find(';');
    switch (what) {
      case 'A': row_ -= std::min(row_, n); break;
      case 'B': row_ = std::min<std::size_t>(row_ + n, size_.rows - 1U); break;
      case 'C': column_ = std::min<std::size_t>(column_ + n, size_.columns - 1U); break;
      case 'D': column_ -= std::min(column_, n); break;
      case 'G': column_ = std::min<std::size_t>(n, size_.columns) - 1; break;
      case 'H':
      case 'f': {
        const std::size_t second =
            semicolon == std::string::npos ? 1 : std::strtoul(arguments.c_str() + semicolon + 1, nullptr, 10);
        row_ = std::min<std::size_t>(n, size_.rows) - 1;
        column_ = std::min<std::size_t>(std::max<std::size_t>(second, 1), size_.columns) - 1;
        break;
      }
      case 'J':
        if (first == 0) erase(row_, column_, size_.columns);
        for (std::size_t row = first >= 2 ? 0 : row_ + 1; row < size_.rows; ++row) erase(row, 0, size_.columns);
        break;
      case 'K': erase(row_, first == 0 ? column_ : 0, first == 1 ? column_ + 1 : size_.columns); break;
      default: break;  // colours, modes
    }
  }

  Size size_;
  std::vector<std::vector<std::string>> cells_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
};

}  // namespace

std::vector<std::string> screen(std::string_view bytes, Size size) {
  Emulator emulator(size);
  emulator.feed(bytes);
  return emulator.lines();
}

}  // namespace sqlq::program
