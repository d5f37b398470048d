#pragma once
/// \file
/// What the limit programs have in common: the command line, threads, one line of JSON for each operation, with what
/// the processors did.

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "processors.hpp"

namespace limit {

/// Ends the program: nothing that it measured before is of use without the rest.
[[noreturn]] inline void fail(const std::string& what, int code = 1) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  std::exit(code);
}

/// The number of jobs as the command line says it.
[[nodiscard]] inline long jobs_from(std::string_view text) {
  long n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n < 1000 || n % 1000 != 0) {
    fail("the number of jobs must be a multiple of 1000, not '" + std::string(text) + "'", 2);
  }
  return n;
}

/// From its construction to the report.
class Operation {
 public:
  Operation(const char* database, const char* name) : database_(database), name_(name) {}

  void report(long n, long deadlocks = 0) const {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin_;
    const double rate = static_cast<double>(n) / took.count();
    const processors::Use use = processors::between(before_, processors::read(), static_cast<double>(n));
    std::printf("{\"limit\":\"%s\",\"op\":\"%s\",\"n\":%ld,\"per_s\":%.0f", database_, name_, n, rate);
    std::printf(",\"own_us\":%.3f,\"others_us\":%.3f,\"idle_share\":%.3f", use.own_us, use.others_us,
                use.idle_share);
    if (deadlocks > 0) std::printf(",\"deadlocks\":%ld", deadlocks);
    std::printf("}\n");
    std::fflush(stdout);
  }

 private:
  const char* database_;
  const char* name_;
  const processors::Reading before_ = processors::read();
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Calls it from that many threads at once and waits for all.
template <class Call>
void in_threads(int count, Call call) {
  std::vector<std::jthread> all;
  for (int i = 0; i < count; ++i) all.emplace_back([&call] { call(); });
}

}  // namespace limit
