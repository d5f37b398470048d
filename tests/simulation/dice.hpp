#pragma once
// Chance from a seed.

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <sqlq/clock.hpp>

namespace sqlq::simulation {

class Dice final {
 public:
  /// `left_out`: occasions for mishaps that are let pass.
  explicit Dice(std::uint64_t seed, std::set<std::size_t> left_out = {})
      : engine_(seed), left_out_(std::move(left_out)) {}

  [[nodiscard]] std::uint64_t seed() { return engine_(); }
  [[nodiscard]] int number(int least, int most) {
    const auto range = static_cast<std::uint64_t>(most - least) + 1;
    return least + static_cast<int>(((engine_() >> 32) * range) >> 32);
  }
  [[nodiscard]] bool one_in(int n) { return number(1, n) == 1; }
  [[nodiscard]] bool per_mille(int n) { return number(1, 1000) <= n; }
  /// Something that the system would be better without. Each occasion for one has a number, from 0.
  [[nodiscard]] bool mishap(int per_mille_of_times) {
    if (!per_mille(per_mille_of_times) || left_out_.contains(occasions_++)) return false;
    ++mishaps_;
    return true;
  }
  [[nodiscard]] std::size_t occasions() const noexcept { return occasions_; }
  [[nodiscard]] std::size_t mishaps() const noexcept { return mishaps_; }
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
  std::set<std::size_t> left_out_;
  std::size_t occasions_ = 0;
  std::size_t mishaps_ = 0;
};

}  // namespace sqlq::simulation
