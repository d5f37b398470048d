#pragma once
/// \file
/// A folder of its own for each test, waiting for conditions, and random numbers that can be had again.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "support/seed.hpp"

namespace sqlq::process {

/// Longer than anything takes that works, sanitizers and busy machines included.
inline constexpr Duration long_enough = std::chrono::seconds(60);

class Scratch : public ::testing::Test {
 protected:
  Scratch() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = "sqlq_" + std::to_string(::getpid()) + "_" + info->test_suite_name() + "_" + info->name();
    std::ranges::replace(name, '/', '_');  // value-parameterised tests
    folder_ = std::filesystem::temp_directory_path() / name;
    std::filesystem::create_directories(folder_);
  }
  /// What a failed test leaves is evidence.
  ~Scratch() override {
    if (!HasFailure()) std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string path(const std::string& name = "jobs.db") const { return (folder_ / name).string(); }
  [[nodiscard]] std::string url(const std::string& options = {}) const { return "sqlite://" + path() + options; }
  [[nodiscard]] std::string records() const { return path("records"); }

 private:
  std::filesystem::path folder_;
};

/// Looks again and again until `condition` holds; false when it did not within `limit`.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition, Duration limit = long_enough) {
  const auto clock = system_clock();
  const auto deadline = saturating_add(clock->steady(), limit);
  const auto tick = clock->make_signal();
  while (!condition()) {
    if (clock->steady() >= deadline) return false;
    tick->wait_until(saturating_add(clock->steady(), std::chrono::milliseconds(1)));
  }
  return true;
}

using testing::seed;

class Random {
 public:
  Random() : engine_(seed()) {}
  /// least <= result <= most
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(engine_);
  }

 private:
  std::mt19937_64 engine_;
};

/// The value below which `percent` % of the values lie, in seconds.
inline double percentile(std::vector<Duration> values, std::size_t percent) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t at = std::min(values.size() - 1, values.size() * percent / 100);
  return std::chrono::duration<double>(values[at]).count();
}

}  // namespace sqlq::process
