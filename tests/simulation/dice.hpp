#pragma once
// Chance from a seed.

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <sqlq/clock.hpp>

namespace sqlq::simulation {

class Dice final {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t seed() { return engine_(); }
  [[nodiscard]] int number(int least, int most) {
    const auto range = static_cast<std::uint64_t>(most - least) + 1;
    return least + static_cast<int>(((engine_() >> 32) * range) >> 32);
  }
  [[nodiscard]] bool one_in(int n) { return number(1, n) == 1; }
  [[nodiscard]] bool per_mille(int n) { return number(1, 1000) <= n; }
  [[nodiscard]] Duration between(Duration least, Duration most) {
    const auto range = static_cast<std::uint64_t>((most - least).count()) + 1;
    return least + Duration(static_cast<Duration::rep>(engine_() % range));
  }
  [[nodiscard]] std::size_t index(std::size_t size) { return static_cast<std::size_t>(engine_() % size); }
  template <class T>
  [[nodiscard]] T& one_of(std::vector<T>& from) {
    return from[index(from.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sqlq::simulation
