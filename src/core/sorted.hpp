#pragma once
// Lists whose order and repetitions mean nothing.

#include <algorithm>
#include <vector>

namespace sqlq::core {

/// In order, and each value once.
template <class T>
[[nodiscard]] std::vector<T> sorted_once(std::vector<T> values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

}  // namespace sqlq::core
