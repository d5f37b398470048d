#pragma once
/// \file
/// The lines of a stream as text, without line feeds. The same value makes the same bytes, always.
///
/// Thread-safety: pure functions.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sqlq/backend/dialect.hpp>

namespace sqlq::transfer {

/// The number in the first line.
inline constexpr std::int64_t stream_version = 1;
/// The longest line that is written or read.
inline constexpr std::size_t longest_line = std::size_t{64} << 20;

[[nodiscard]] std::string first_line();
[[nodiscard]] std::string line_of(const Queue& queue);
[[nodiscard]] std::string line_of(const backend::StoredJob& stored);
[[nodiscard]] std::string last_line(std::uint64_t queues, std::uint64_t jobs, std::string_view checksum);

}  // namespace sqlq::transfer
