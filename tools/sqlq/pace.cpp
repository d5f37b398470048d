#include "pace.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "text.hpp"

namespace sqlq::tool {

std::string pace(std::uint64_t done, std::optional<std::uint64_t> total, Duration elapsed, std::string_view of_what) {
  const bool known = total && done <= *total;
  std::string line = human(done) + (known ? " of " + human(*total) : "") + " " + std::string(of_what);
  if (known && *total > 0) line += " (" + std::to_string(done * 100 / *total) + " %)";
  const double seconds = std::chrono::duration<double>(elapsed).count();
  if (done == 0 || seconds < 0.001) return line;
  const double rate = static_cast<double>(done) / seconds;
  line += ", " + human(static_cast<std::uint64_t>(std::llround(rate))) + "/s";
  if (known && done < *total) {
    const double left = static_cast<double>(*total - done) / rate;
    constexpr double longest = 365.0 * 24 * 3600;
    const std::chrono::seconds time(static_cast<std::int64_t>(std::ceil(std::min(left, longest))));
    if (left < longest) line += ", " + human(time) + " left";
  }
  return line;
}

}  // namespace sqlq::tool
