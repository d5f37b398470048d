#pragma once
// The rules of this source tree. Each has samples that show it firing and keeping quiet (samples.cpp).

#include <span>
#include <string_view>

#include "source.hpp"

namespace tidy {

struct Rule {
  std::string_view name;
  std::string_view why;
  void (*check)(const File& file, Report& report);
  bool of_texts = false;  ///< also for what is no source
};

/// Where a rule does not hold, and why. `path` is a file, or a folder when it ends in '/'.
struct Exception {
  std::string_view rule;
  std::string_view path;
  std::string_view reason;
};

[[nodiscard]] std::span<const Rule> rules();
[[nodiscard]] std::span<const Exception> exceptions();

void check_exports(const File& file, Report& report);      // exports.cpp
void check_includes(const File& file, Report& report);     // includes.cpp
void check_named_paths(const File& file, Report& report);  // named_paths.cpp

/// Runs every rule over every sample; prints what is wrong and returns how many.
[[nodiscard]] int self_test();  // samples.cpp

}  // namespace tidy
