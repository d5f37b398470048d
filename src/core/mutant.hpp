#pragma once
/// \file
/// A place where the library can be broken on purpose, to test what tests it (tests/faults, ci/test mutants). The
/// environment variable SQLQ_MUTANT chooses by name. In every build but that one the macro is empty.

#ifdef SQLQ_MUTANTS

#include <cstdlib>
#include <string_view>

namespace sqlq::core {

inline bool mutant(std::string_view name) {
  const char* chosen = std::getenv("SQLQ_MUTANT");
  return chosen != nullptr && name == chosen;
}

}  // namespace sqlq::core

#define SQLQ_MUTANT(name, ...)        \
  if (::sqlq::core::mutant(#name)) {  \
    __VA_ARGS__;                      \
  }

#else

#define SQLQ_MUTANT(name, ...)

#endif
