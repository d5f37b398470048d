#pragma once
/// \file
/// The sum of jobs that does not depend on their order (docs/transfer.md).

#include <cstdint>
#include <string>
#include <string_view>

namespace sqlq::transfer {

/// FNV-1a of the bytes, then mixed, so that sums of it are as good as it is.
[[nodiscard]] constexpr std::uint64_t hash_of(std::string_view line) noexcept {
  std::uint64_t h = 0xCBF29CE484222325U;
  for (const char c : line) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDU;
  h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53U;
  return h ^ (h >> 33);
}

/// A plain value.
class Checksum {
 public:
  /// The line of a job, without its line feed.
  constexpr void add(std::string_view line) noexcept { add(hash_of(line)); }
  constexpr void add(std::uint64_t hash) noexcept { sum_ += hash; }
  /// 16 hexadecimal digits, lower case.
  [[nodiscard]] std::string text() const {
    std::string digits(16, '0');
    for (std::size_t i = 0; i < digits.size(); ++i) digits[i] = "0123456789abcdef"[(sum_ >> (60 - 4 * i)) & 15];
    return digits;
  }

 private:
  std::uint64_t sum_ = 0;
};

}  // namespace sqlq::transfer
