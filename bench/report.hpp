#pragma once
/// \file
/// What a measurement says, as a line for people or of JSON.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace sqlq::bench {

struct Result {
  std::string op{};
  std::size_t n = 0;
  std::vector<std::pair<std::string, double>> figures{};  ///< "per_s", "p50_ms", ...
};

/// p50, p99 and maximum of times in milliseconds.
[[nodiscard]] std::vector<std::pair<std::string, double>> percentiles(std::vector<double> ms);

/// Prints it at once.
void print(const Result& result, bool json);

}  // namespace sqlq::bench
