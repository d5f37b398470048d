#pragma once
// What a failure does not need.

#include <cstddef>
#include <functional>
#include <optional>
#include <set>

namespace sqlq::simulation {

/// Runs it without these occasions for mishaps. If it still fails: how many occasions there were.
using Attempt = std::function<std::optional<std::size_t>(const std::set<std::size_t>& left_out)>;

/// Occasions for mishaps without which it still fails: taken away one by one, the last first, until no other can be.
/// What is left out changes what comes after it, so what remains is small, not the least there is.
inline std::set<std::size_t> needless(const Attempt& attempt) {
  std::set<std::size_t> left_out;
  std::size_t occasions = attempt(left_out).value_or(0);
  for (bool less = true; less;) {
    less = false;
    for (std::size_t i = occasions; i-- > 0;) {
      if (!left_out.insert(i).second) continue;
      if (const auto fails = attempt(left_out)) {
        occasions = *fails;
        less = true;
      } else {
        left_out.erase(i);
      }
    }
  }
  return left_out;
}

}  // namespace sqlq::simulation
