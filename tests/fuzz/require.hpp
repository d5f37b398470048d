#pragma once
/// \file
/// The assertion of fuzz targets: ends the process, so that the fuzzer keeps the input.

#include <cstdio>
#include <cstdlib>

namespace sqlq::fuzz {

/// Ends the process with `what` unless `true_thing`.
inline void require(bool true_thing, const char* what) {
  if (true_thing) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

}  // namespace sqlq::fuzz
