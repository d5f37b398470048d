#pragma once
/// \file
/// How much of a job's log is kept. A job that snoozes for ever must not fill the disk.

#include <cstdint>

#include <sqlq/log.hpp>

namespace sqlq::core {

inline constexpr std::int64_t log_lines_kept = 10'000;
inline constexpr std::int64_t log_bytes_kept = std::int64_t{8} << 20;

/// Whether to look at the size of the whole log once this line is stored: about once in 500 lines and in 256 KiB, so
/// that the look, which costs as much as the log is long, costs little for each line. The same line gives the same
/// answer.
[[nodiscard]] inline bool worth_a_look(const LogLine& line) noexcept {
  constexpr std::uint64_t lines = 500;
  constexpr std::uint64_t bytes = std::uint64_t{256} << 10;
  std::uint64_t mixed = static_cast<std::uint64_t>(line.claim) * 0x9E3779B97F4A7C15U +
                        static_cast<std::uint64_t>(line.number) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 31)) * 0x94D049BB133111EBU;
  mixed ^= mixed >> 29;
  return mixed % bytes < bytes / lines + line.text.size();
}

}  // namespace sqlq::core
