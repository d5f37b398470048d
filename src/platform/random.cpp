#include "platform/random.hpp"

#include <array>
#include <cstddef>
#include <optional>

#include <sqlq/error.hpp>

#include "platform/forks.hpp"
#include "platform/system.hpp"

namespace sqlq::platform {

namespace {

// One system call serves 32 numbers: about 10 ns each instead of 300. A forked child throws away what its parent had
// drawn, or both would use the same numbers.
class Pool {
 public:
  std::uint64_t next() {
    const unsigned now = forks();
    if (left_ == 0 || forks_seen_ != now) {
      if (!entropy(numbers_.data(), sizeof(numbers_))) {
        throw Error(Errc::internal, "the operating system gave no random numbers");
      }
      left_ = numbers_.size();
      forks_seen_ = now;
    }
    return numbers_[--left_];
  }

 private:
  std::array<std::uint64_t, 32> numbers_{};  // 256 bytes: the most the system gives at once
  std::size_t left_ = 0;
  unsigned forks_seen_ = 0;
};

// SplitMix64.
std::uint64_t next_of(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

thread_local std::optional<std::uint64_t> seeded;

}  // namespace

SeededRandom::SeededRandom(std::uint64_t seed) noexcept { seeded = seed; }
SeededRandom::~SeededRandom() { seeded.reset(); }

std::uint64_t random64() {
  if (seeded) return next_of(*seeded);
  thread_local Pool pool;
  return pool.next();
}

LeaseToken random_token() {
  for (;;) {
    const LeaseToken token{static_cast<std::int64_t>(random64() >> 1)};
    if (token != LeaseToken{}) return token;
  }
}

std::uint32_t random_below(std::uint32_t bound) {
  return static_cast<std::uint32_t>(((random64() >> 32) * bound) >> 32);
}

}  // namespace sqlq::platform
