#pragma once
/// \file
/// Random numbers that can be had again.

#include <cstdint>
#include <cstdlib>
#include <random>

namespace sqlq::testing {

/// Random unless SQLQ_SEED says which; tests print it.
inline std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* given = std::getenv("SQLQ_SEED");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
    return given != nullptr ? std::strtoull(given, nullptr, 0) : std::uint64_t{std::random_device{}()};
  }();
  return value;
}

}  // namespace sqlq::testing
