#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>

#include <sqlq/job.hpp>

#include "core/uuid.hpp"
#include "platform/random.hpp"

namespace sqlq {

namespace {

constexpr int counter_bits = 12;

// Far beyond every real date (year 6429) and far below 48 bits, so that the counter can always carry.
constexpr std::int64_t latest_ms = std::int64_t{1} << 47;

// 48 bits of milliseconds and 12 bits of counter of the last id: one number that only grows, whatever the wall clock
// does. A full counter carries into the milliseconds by itself.
std::atomic<std::uint64_t> last_stamp{0};

std::uint64_t next_stamp(TimePoint now, std::uint64_t seed) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const auto fresh = (static_cast<std::uint64_t>(std::clamp<std::int64_t>(ms, 0, latest_ms)) << counter_bits) | seed;
  std::uint64_t last = last_stamp.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = (fresh >> counter_bits) > (last >> counter_bits) ? fresh : last + 1;
  } while (!last_stamp.compare_exchange_weak(last, next, std::memory_order_relaxed));
  return next;
}

constexpr bool hyphen_at(std::size_t i) noexcept { return i == 8 || i == 13 || i == 18 || i == 23; }

constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

JobId JobId::make(TimePoint now) {
  const std::uint64_t random = platform::random64();
  const std::uint64_t tail = platform::random64();
  const std::uint64_t stamp = next_stamp(now, random & 0xff);  // seeded low: most of the counter stays free
  return core::make_uuid(stamp >> counter_bits, 7, stamp, tail);
}

std::optional<JobId> JobId::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (hyphen_at(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int digit = hex_digit(text[i]);
    if (digit < 0) return std::nullopt;
    std::uint8_t& byte = bytes[digits++ / 2];
    byte = static_cast<std::uint8_t>((byte << 4) | digit);
  }
  return JobId(bytes);
}

std::string JobId::to_string() const {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text(36, '-');
  std::size_t at = 0;
  for (const std::uint8_t byte : bytes_) {
    if (hyphen_at(at)) ++at;
    text[at++] = hex[byte >> 4];
    text[at++] = hex[byte & 0xf];
  }
  return text;
}

}  // namespace sqlq
