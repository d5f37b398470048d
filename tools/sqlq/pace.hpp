#pragma once
/// \file
/// How far something is, for people: "12,345 of 100,000 jobs (12 %), 8,400/s, 11s left".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sqlq/clock.hpp>

namespace sqlq::tool {

/// Without a total, or once it is passed, neither share nor time left; without any time yet, no rate. A pure function.
[[nodiscard]] std::string pace(std::uint64_t done, std::optional<std::uint64_t> total, Duration elapsed,
                               std::string_view of_what);

/// The same with a stopwatch that runs from its construction. One thread.
class Pace {
 public:
  explicit Pace(std::optional<std::uint64_t> total = {}) : total_(total), began_(system_clock()->steady()) {}
  [[nodiscard]] std::string line(std::uint64_t done, std::string_view of_what = "jobs") const {
    return pace(done, total_, system_clock()->steady() - began_, of_what);
  }

 private:
  std::optional<std::uint64_t> total_;
  SteadyPoint began_;
};

}  // namespace sqlq::tool
