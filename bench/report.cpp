#include "report.hpp"

#include <algorithm>
#include <iostream>
#include <sstream>

namespace sqlq::bench {
namespace {

/// Rates without a fraction, small figures with three digits of it.
std::string to_text(double value) {
  std::ostringstream out;
  out.setf(std::ios::fixed);
  out.precision(value >= 1000 ? 0 : 3);
  out << value;
  return out.str();
}

}  // namespace

std::vector<std::pair<std::string, double>> percentiles(std::vector<double> ms) {
  if (ms.empty()) return {};
  std::ranges::sort(ms);
  const auto at = [&](double share) {
    return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))];
  };
  return {{"p50_ms", at(0.5)}, {"p99_ms", at(0.99)}, {"max_ms", ms.back()}};
}

void print(const Result& result, bool json) {
  std::ostringstream line;
  if (json) {
    line << "{\"op\":\"" << result.op << "\",\"n\":" << result.n;
    for (const auto& [name, value] : result.figures) line << ",\"" << name << "\":" << to_text(value);
    line << '}';
  } else {
    line << result.op << std::string(result.op.size() < 20 ? 20 - result.op.size() : 1, ' ') << "n " << result.n;
    for (const auto& [name, value] : result.figures) line << "   " << name << ' ' << to_text(value);
  }
  std::cout << line.str() << std::endl;
}

}  // namespace sqlq::bench
