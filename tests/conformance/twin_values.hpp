#pragma once
/// \file
/// For the files of Twin: the queues and kinds there are, and how values are shown.

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "twin.hpp"

namespace sqlq::conformance {
namespace twin {

inline const std::vector<std::string> queues{"a", "b", "c"};
inline const std::vector<std::string> kinds{"x", "y"};  // the steps of y go when it succeeds
inline constexpr Duration retry = std::chrono::seconds(5);  // after a failed attempt of the worker

inline bool meant(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::ranges::find(names, name) != names.end();
}

// How values are shown.
inline std::string text(const std::string& value) { return value; }
inline std::string text(bool value) { return value ? "true" : "false"; }
inline std::string text(std::size_t value) { return std::to_string(value); }
inline std::string text(int value) { return std::to_string(value); }
inline std::string text(std::int64_t value) { return std::to_string(value); }
inline std::string text(Duration value) { return std::to_string(value.count()) + " us"; }
template <class T>
  requires requires(T value) { to_string(value); }
std::string text(T value) {
  return std::string(to_string(value));
}
template <class T>
std::string text(const std::vector<T>& values) {
  std::string all = "[";
  for (const T& value : values) all += (all.size() > 1 ? " " : "") + text(value);
  return all + "]";
}
inline std::string text(const std::set<std::string>& values) { return text(std::vector(values.begin(), values.end())); }

}  // namespace twin

template <class T>
void Twin::same(const T& is, const T& should, const std::string& what) const {
  if (is == should) return;
  if constexpr (std::is_same_v<T, JobId>) {
    require(false, what + " is " + name(is) + ", should be " + name(should));
  } else {
    require(false, what + " is " + twin::text(is) + ", should be " + twin::text(should));
  }
}

}  // namespace sqlq::conformance
