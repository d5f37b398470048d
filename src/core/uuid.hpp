#pragma once
/// \file
/// Puts ids together.

#include <array>
#include <cstddef>
#include <cstdint>

#include <sqlq/job.hpp>

namespace sqlq::core {

/// The UUID with 48 bits of a time in milliseconds, this version, the low 12 bits of `head` and the high 62 of `tail`.
[[nodiscard]] inline JobId make_uuid(std::uint64_t ms, std::uint64_t version, std::uint64_t head, std::uint64_t tail) {
  const std::uint64_t high = (ms << 16) | (version << 12) | (head & 0xfff);
  const std::uint64_t low = (std::uint64_t{2} << 62) | (tail >> 2);
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
    bytes[i + 8] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
  }
  return JobId(bytes);
}

}  // namespace sqlq::core
